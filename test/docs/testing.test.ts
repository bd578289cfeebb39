/** Every example of docs/testing.md is a whole program, and runs. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it, vi } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(`${root}docs/testing.md`, 'utf8')
const examples = [...page.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code]) => code!)
const folder = `${root}.cache/docs-testing`
const incident = `${folder}/incident.ndjson`

function toDate(second: number): Date {
  return new Date(Date.parse('2026-03-01T12:00:00Z') + 1000 * second)
}

/** As `tripline watch --json` writes one. */
function toLine(memory: number, second: number): string {
  return JSON.stringify({ at: toDate(second).toISOString(), metrics: { memory }, limits: [], unavailable: {} })
}

describe('docs/testing.md', () => {
  it('has an example of every function', () => {
    const all = examples.join('')
    for (const name of [
      'fakeBreach',
      'useClock',
      'simulate',
      'readTrace',
      'collect',
      'recordingToken',
      'assertCancelsWithin',
    ]) {
      expect(all).toContain(`${name}(`)
    }
  })

  it.for(examples.map((code, index) => [index + 1, code] as const))('example %i runs', async ([number, code]) => {
    mkdirSync(folder, { recursive: true })
    const file = `${folder}/example-${number}.ts`
    writeFileSync(file, code.replace("'incident.ndjson'", JSON.stringify(incident)))
    writeFileSync(incident, `${[50, 95, 60].map(toLine).join('\n')}\n`)
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    try {
      await expect(import(pathToFileURL(file).href)).resolves.toBeDefined()
      if (code.includes('incident')) expect(log.mock.calls).toEqual([[toDate(1), toDate(2), 'memory 95.0% > 90.0%']])
    } finally {
      log.mockRestore()
    }
  })
})
