/** A recorder whose user has no disk quota left, which a preloaded library plays. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'tripline-quota-'))
const library = join(folder, 'quota.so')
const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))

beforeAll(() => {
  execFileSync('g++', ['-x', 'c', '-shared', '-fPIC', path('quota.c'), '-o', library, '-ldl'])
})
afterAll(() => rmSync(folder, { recursive: true }))

/** What a recorder says that may write only so often. */
function recordWith(writes: number): string {
  const script = `
    const { record } = await import(${JSON.stringify(path('../../dist/index.js'))})
    try {
      const recording = record({ file: ${JSON.stringify(join(folder, 'recording'))}, interval: '50ms' })
      const end = Date.now() + 20_000
      while (recording.problem === '' && Date.now() < end && ${writes} < 1000) await new Promise((done) => setTimeout(done, 20))
      console.log('problem: ' + recording.problem)
      recording.close()
    } catch ({ code, kind, message }) {
      console.log(code, kind, message)
    }`
  const env = { ...process.env, LD_PRELOAD: library, WRITES: String(writes) }
  return execFileSync(process.execPath, ['--input-type=module', '-e', script], { env, encoding: 'utf8' }).trim()
}

describe.runIf(process.platform === 'linux')('a disk quota that is used up', () => {
  it('refuses the recording, and leaves no file', () => {
    expect(recordWith(0)).toMatch(/^ERR_TRIPLINE_NOT_RECORDED full .*EDQUOT/)
    expect(readdirSync(folder)).toEqual(['quota.so'])
  })

  it('ends the recording and not the program', () => {
    expect(recordWith(5)).toMatch(/^problem: .*EDQUOT/)
    expect(recordWith(1e9)).toBe('problem:')
  })
})
