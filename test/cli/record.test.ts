/** `tripline run --record`, and `record` of `run`: a command as its supervisor saw it. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { run } from '../../src/index.js'
import { LineSplitter } from '../../src/run/line-splitter.js'
import { tripline } from '../helpers/cli.js'
import { readRecording } from '../helpers/read-recording.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-record-'))
afterAll(() => rmSync(folder, { recursive: true }))
let count = 0
const nextFile = (): string => join(folder, `${++count}.recording`)

function linesOf(most: number, ...chunks: string[]): string[] {
  const lines: string[] = []
  const splitter = new LineSplitter(most, (line) => lines.push(line))
  for (const chunk of chunks) splitter.take(Buffer.from(chunk))
  splitter.flush()
  return lines
}

describe('tripline run --record', () => {
  it('leaves the exit code of the command, and its tree in the rows', async () => {
    const file = nextFile()
    const { code } = await tripline('run', '--record', file, '--', 'sh', '-c', 'sleep 1.3; exit 7')
    expect(code).toBe(7)
    const { info, states, rows, torn } = readRecording(file)
    expect(info).toMatchObject({ of: 'command', program: 'sh' })
    expect(readFileSync(file).includes('sleep 1.3')).toBe(false)
    expect(states.map(({ kind }) => kind)).toEqual(['running', 'ended'])
    expect(states[1]!.number).toBe(7)
    expect(states[0]!.number).not.toBe(info.pid)
    expect(torn).toBe(0)
    expect(rows.at(-1)!.values['process.count']).toBe(2)
  })

  it('leaves the signal that killed the command, and whether tripline had sent it', async () => {
    const file = nextFile()
    await tripline('run', '--record', file, '--', 'sh', '-c', 'kill -9 $$')
    expect(readRecording(file).states.at(-1)).toMatchObject({ kind: 'killed', number: 9, text: 'SIGKILL', a: 0 })
    await tripline('run', '-q', '--record', file, '--timeout', '0.2', '--', 'sleep', '60')
    expect(readRecording(file).states.at(-1)).toMatchObject({ kind: 'killed', text: 'SIGTERM', a: 1 })
    expect(readRecording(`${file}.previous`).states.at(-1)).toMatchObject({ text: 'SIGKILL' })
  })

  it('keeps no stderr unless asked, and then its last lines, which are passed on', async () => {
    const [without, file] = [nextFile(), nextFile()]
    const script = 'for i in 1 2 3 4 5; do echo "line $i" >&2; done; printf end >&2'
    await tripline('run', '--record', without, '--', 'sh', '-c', script)
    expect(readRecording(without).lines).toEqual([])
    const { stderr } = await tripline('run', '--record', file, '--record-stderr', '3', '--', 'sh', '-c', script)
    expect(stderr).toBe('line 1\nline 2\nline 3\nline 4\nline 5\nend')
    expect(readRecording(file).lines.map(({ text }) => text)).toEqual(['line 4', 'line 5', 'end'])
  })

  it('starts no command if it cannot record', async () => {
    const file = nextFile()
    writeFileSync(file, 'my novel')
    const started = join(folder, 'started')
    const { code, stderr } = await tripline('run', '--record', file, '--', 'touch', started)
    expect([code, existsSync(started)]).toEqual([125, false])
    expect(stderr).toMatch(/^tripline: Nothing is recorded: .* is not a recording, and is not replaced\n$/)
    expect(readFileSync(file, 'utf8')).toBe('my novel')
  })

  it.each([
    [['--record-stderr', '3'], /--record-stderr needs --record/],
    [['--record', '', '--'], /--record must name a file/],
    [['--record', 'x', '--record-stderr', '0'], /--record-stderr must be a number of lines/],
  ])('refuses %j', async (words, message) => {
    const { code, stderr } = await tripline('run', ...words, 'true')
    expect(code).toBe(125)
    expect(stderr).toMatch(message)
  })
})

describe('run({ record })', () => {
  it('records a command, with the lines of its stderr and guards on its tree', async () => {
    const file = nextFile()
    const { status } = await run('sh', ['-c', 'echo failing >&2; sleep 5'], {
      record: { file, stderr: 5, interval: 10 },
      stdio: ['ignore', 'ignore', 'ignore'],
      limits: { 'process.count': { above: 1, for: '100ms' } },
    })
    expect(status).toBe(123)
    const { states, entries, lines } = readRecording(file)
    expect(lines.map(({ text }) => text)).toEqual(['failing'])
    expect(states.at(-1)).toMatchObject({ kind: 'killed', a: 1 })
    expect(entries.find(({ kind }) => kind === 'breach')).toMatchObject({ text: 'process.count', a: 2, b: 1 })
  })

  it.each([
    [5, 'ERR_INVALID_ARG_TYPE'],
    [{ file: 'x', stderr: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ fle: 'x' }, 'ERR_INVALID_ARG_VALUE'],
  ])('refuses %j', async (record, code) => {
    await expect(run('true', [], { record: record as never })).rejects.toMatchObject({ code })
  })

  it('refuses lines of a pipe that the caller reads', async () => {
    const options = { record: { file: 'x', stderr: 1 }, capture: true }
    await expect(run('true', [], options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  })
})

describe('lines', () => {
  it('are put together from chunks', () => {
    expect(linesOf(10, 'a', 'b\r\nc', '\n', '\nd')).toEqual(['ab', 'c', '', 'd'])
  })

  it('of a chunk beyond the last ones are left out', () => {
    expect(linesOf(2, '1\n2\n3\n4\n5')).toEqual(['3', '4', '5'])
  })

  it('are cut, however long they are', () => {
    const long = 'x'.repeat(1e6)
    expect(linesOf(2, long, long, `${long}\nnext\n`)).toEqual(['x'.repeat(206), 'next'])
  })
})
