/** Every example of docs/testing.md is a whole program, and runs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { pageOf } from './examples.js'

const page = pageOf('testing')
const folder = mkdtempSync(join(tmpdir(), 'tripline-incident-'))
const incident = join(folder, 'incident.ndjson')
afterAll(() => rmSync(folder, { recursive: true }))

function toDate(second: number): Date {
  return new Date(Date.parse('2026-03-01T12:00:00Z') + 1000 * second)
}

/** As `tripline watch --json` writes one. */
function toLine(memory: number, second: number): string {
  return JSON.stringify({ at: toDate(second).toISOString(), metrics: { memory }, limits: [], unavailable: {} })
}

describe('docs/testing.md', () => {
  it('has an example of every function', () => {
    const all = page.examples.map(([, code]) => code).join('')
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

  it.for(page.examples)('example %i runs', async ([number, code]) => {
    writeFileSync(incident, `${[50, 95, 60].map(toLine).join('\n')}\n`)
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    try {
      await page.run(number, (text) => text.replace("'incident.ndjson'", JSON.stringify(incident)))
      if (code.includes('incident')) expect(log.mock.calls).toEqual([[toDate(1), toDate(2), 'memory 95.0% > 90.0%']])
    } finally {
      log.mockRestore()
    }
  })
})
