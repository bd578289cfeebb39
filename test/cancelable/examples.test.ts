/** The seven examples of the getting-started page, run as they are. */
import { afterEach, describe, expect, test, vi } from 'vitest'

/** The lines that a program prints. */
async function run(name: string): Promise<string[]> {
  const lines: string[] = []
  vi.spyOn(console, 'log').mockImplementation((...parts: unknown[]) => {
    lines.push(parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join(' '))
  })
  await import(`../../examples/getting-started/${name}.ts`)
  return lines
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('getting started', () => {
  test('1: a timeout as a number', async () => {
    const lines = await run('1-timeout')
    expect(lines[0]).toBe('step 1')
    expect(lines.slice(-2)).toEqual(['Timed out after 500ms', 'the limit was 500 ms'])
  })

  test('2: a longer duration', async () => {
    expect(await run('2-duration')).toEqual(['done, with 5 minutes to spare'])
  })

  test('3: a token', async () => {
    expect(await run('3-token')).toEqual(['ManualCancelation: the user closed the window', 'manual'])
  })

  test('4: progress', async () => {
    expect(await run('4-progress')).toEqual([
      'copy: a.txt {"done":1,"of":3}',
      'copy: b.txt {"done":2,"of":3}',
      'copy: c.txt {"done":3,"of":3}',
      'verify: all there ',
      'completed',
    ])
  })

  test('5: a stream with a timeout', async () => {
    const lines = await run('5-stream')
    expect(lines.filter((line) => line !== 'the sensor is closed')).toEqual(['1', '2', '3', 'Timed out after 500ms'])
  })

  test('6: a partial result', async () => {
    expect(await run('6-partial-result')).toEqual([
      'more than three rows, the last three of them kept: true',
      'complete: false',
    ])
  })

  test('7: a block that cleans up', async () => {
    expect(await run('7-cleanup')).toEqual([
      'working',
      'lock released',
      'connection closed',
      'ManualCancelation: changed my mind',
    ])
  })
})
