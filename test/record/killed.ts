/** Kills recorded processes at random moments. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'vitest'
import { PACKAGE } from '../helpers/child.js'
import { readRecording } from '../helpers/read-recording.js'

const SOURCE = `
  import { guard, record, Cancelable } from ${JSON.stringify(PACKAGE)}
  record({ file: process.argv[1], interval: 10, last: '200ms' })
  setInterval(() => void Cancelable.run(async () => undefined, { name: 'short' }), 1)
  setInterval(() => guard({ memory: 0.001 }).close(), 3)
  process.send('ready')`

/** Checks that each of them leaves whole rows, without a gap, and nothing torn that is taken for whole. */
export async function killAtRandom(folder: string, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const file = join(folder, `killed-${round}`)
    const child = spawn(process.execPath, ['--input-type=module', '-e', SOURCE, file], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    await new Promise((resolve) => child.once('message', resolve))
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 60))
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('close', resolve))
    const { states, rows, torn } = readRecording(file)
    expect(states.map(({ kind }) => kind)).toEqual(['running'])
    // At most one slot per area was being written.
    expect(torn).toBeLessThanOrEqual(3)
    const sequences = rows.map(({ sequence }) => sequence)
    expect(sequences).toEqual(sequences.map((_, index) => sequences[0]! + index))
  }
}
