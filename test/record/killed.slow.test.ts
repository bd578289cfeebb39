/** Fifty recorded processes, each killed at a random moment: no torn row is taken for a whole one. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, it } from 'vitest'
import { killAtRandom } from './killed.js'

const memory = mkdtempSync('/dev/shm/tripline-record-')
const disk = mkdtempSync(join(tmpdir(), 'tripline-record-'))
afterAll(() => {
  for (const each of [memory, disk]) rmSync(each, { recursive: true })
})

describe('a process that is killed', () => {
  it('leaves whole rows in memory', () => killAtRandom(memory, 25), 120_000)
  it('leaves whole rows on a disk', () => killAtRandom(disk, 25), 120_000)
})
