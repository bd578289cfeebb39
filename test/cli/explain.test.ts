/** `tripline explain`: its output, statuses and colors, as a user sees them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { explainLines } from '../../src/cli/explain-text.js'
import { describeRun, type LastRun } from '../../src/record/describe-run.js'
import type { RecordedColumn } from '../../src/record/format.js'
import { parseRecording } from '../../src/record/reader.js'
import { NO_TERMINAL, onTerminal, Terminal, tripline } from '../helpers/cli.js'
import { CLI } from '../helpers/child.js'
import { MADE_AT, MadeRecording, type Made } from '../helpers/recording.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-explain-'))
afterAll(() => rmSync(folder, { recursive: true }))

const column = (metric: string, unit: string, selector?: string): RecordedColumn =>
  ({ metric, unit, window: 0, ...(selector === undefined ? {} : { selector }) }) as RecordedColumn

/** A program that leaks until its memory is full, and blocks its loop. */
const LEAK: Made = {
  info: { columns: [column('memory', '%'), column('process.rss', 'bytes'), column('disk', '%', '/\u001B[31mx')] },
  shape: { rows: 100 },
  rows: Array.from({ length: 90 }, (_, index) => ({
    at: MADE_AT + index * 1000,
    silence: index < 80 ? 2 : (index - 79) * 1000,
    guards: [index < 85 ? 1 : 3],
    operations: 1,
    longest: [{ name: 'import\u001B]0;title\u0007', elapsed: 90_000, progress: 0.42 }],
    values: [10 + index, 1e8 + index * 1e6, 12],
  })),
  states: [
    { kind: 'running', number: 4711 },
    { kind: 'exit', at: MADE_AT + 89_500, number: 7 },
  ],
  entries: [
    {
      kind: 'guard',
      number: 1,
      text: JSON.stringify({ name: 'm', all: false, limits: [{ metric: 'memory', above: 95 }] }),
    },
    { kind: 'blocked', at: MADE_AT + 88_000, a: 9000, text: 'at crunch (/app/worker.js:1:2)\nat main' },
  ],
  lines: [{ kind: 'line', text: `\u001B[2Jbye ${'word '.repeat(40)}` }],
}

function file(name: string, made: Made = LEAK): string {
  const path = join(folder, name)
  writeFileSync(path, new MadeRecording(made).bytes)
  return path
}
const runOf = (made: Made): LastRun => describeRun(parseRecording(new MadeRecording(made).bytes, 'made'))
const draw = (width: number, color = false, run = runOf(LEAK)): string[] =>
  explainLines({ run, guards: [], width, color, brief: false })
const ESCAPE = '\u001B'
/** Control characters other than line ends. */
const CONTROL = /(?!\n)\p{Cc}/u

describe('tripline explain', () => {
  it('says how a run ended, and what it was doing', async () => {
    const { code, stdout, stderr } = await tripline('explain', file('leak'))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).not.toMatch(CONTROL)
    for (const text of [
      '/app/server.js (pid 4711), node 24.1.0 on linux-x64',
      'recorded for 1m 30s until 2026-01-02 03:05:34 UTC, one row per 1s',
      'It ended with the exit code 7.\n- It recorded that it exits with 7.\n',
      /^memory +40.0% +99.0% +[▁-█]+ +\+1.0%\/s +1s$/m,
      /^process\.rss +130MB +189MB +[▁-█]+ +\+1.00MB\/s$/m,
      'Near its end: memory at 99.0% of 100.0%.',
      'The event loop had not answered for 10s\n  at crunch (/app/worker.js:1:2)\n  at main\n',
      /^One operation was under way\n {2}import\\u001b\]0;title\\u0007 +42% +90s$/m,
      'Its guards, in the last row\n  breached: memory > 95.0%\n',
      "guard({ memory: 85 }).on('breach'",
      '  \\u001b[2Jbye word',
    ]) {
      expect(stdout).toMatch(text)
    }
  })

  it('is brief where that is asked for', async () => {
    const { stdout } = await tripline('explain', '--brief', file('brief'))
    expect(stdout.trimEnd().split('\n')).toHaveLength(5)
  })

  it('prints one JSON object', async () => {
    const { code, stdout } = await tripline('explain', '--json', file('json'))
    expect(code).toBe(0)
    expect(stdout).not.toMatch(CONTROL)
    const run = JSON.parse(stdout) as LastRun & { inTime: unknown[] }
    expect(run).toMatchObject({ end: 'exit', exitCode: 7, certainty: 'proved', pid: 4711, silence: 10_000 })
    expect(run.samples).toHaveLength(90)
    expect(run.metrics[0]).toMatchObject({ metric: 'memory', last: 99, isNear: true })
    expect(run.inTime).toMatchObject([{ limits: { memory: 85 }, expression: 'memory>85%' }, {}])
  })

  it('refuses what is no recording, with a message on one line', async () => {
    writeFileSync(join(folder, 'text'), 'hello')
    for (const [name, text] of [
      ['text', 'does not begin as a recording does'],
      ['missing', 'ENOENT'],
    ]) {
      const { code, stdout, stderr } = await tripline('explain', join(folder, name!))
      expect({ code, stdout }).toEqual({ code: 125, stdout: '' })
      expect(stderr).toMatch(/^tripline: The recording '.*' cannot be read: .*\n$/)
      expect(stderr).toContain(text)
    }
    expect((await tripline('explain', file('a'), file('b'))).code).toBe(125)
    expect((await tripline('explain', '--json', '--brief', file('c'))).code).toBe(125)
  })
})

describe('the lines', () => {
  it.each([20, 40, 80, 120])('fit a width of %i, except for code and words that are longer', (width) => {
    for (const line of draw(width)) if (line.includes(' ')) expect(line.length).toBeLessThanOrEqual(Math.max(width, 45))
    expect(draw(width).find((line) => line.startsWith('memory'))!.length).toBeLessThanOrEqual(width)
  })

  it('have bars at 40 columns', () => {
    expect(draw(40).find((line) => line.startsWith('memory'))).toMatch(/^memory +99.0% +[▁-█]{8,}$/)
  })

  it('have only colors that can be read on light and dark, and end each', () => {
    const text = draw(80, true).join('\n')
    const codes = new Set([...text.matchAll(new RegExp(`${ESCAPE}\\[([\\d;]*)m`, 'g'))].map(([, code]) => code))
    expect(codes).toEqual(new Set(['0', '1', '1;31', '31']))
    for (const line of draw(80, true)) expect(line.split('\u001B').length % 2).toBe(1)
    expect(draw(80, false).join('\n')).not.toContain('\u001B')
  })

  it('say that no row was recorded, and what was torn', () => {
    expect(draw(80, false, runOf({})).join('\n')).toContain('No row was recorded')
    const torn = new MadeRecording(LEAK)
    torn.bytes[torn.rowOffset(3) + 30]! ^= 1
    const lines = draw(80, false, describeRun(parseRecording(torn.bytes, 'torn')))
    expect(lines.at(-1)).toBe('Torn parts of the file were left out: 1 row.')
  })

  it('name a limit for the command line where a command was recorded', () => {
    const tree = { ...column('process.rss', 'bytes'), pid: 12, tree: true }
    const columns = [column('memory', '%'), tree, column('cpu', '%')]
    const run = runOf({ ...LEAK, info: { columns, of: 'command' } })
    const guards = [{ limits: { memory: 85 }, lead: 5000, expression: 'memory>85%' }]
    const lines = explainLines({ run, guards, width: 80, color: false, brief: false })
    expect(lines.join('\n')).toMatch(/^process\.rss +130MB/m)
    expect(lines.join('\n')).toContain("5s before the last row:\ntripline run --limit 'memory>85%' -- COMMAND")
  })
})

describe.skipIf(NO_TERMINAL)('on a terminal', () => {
  it('has colors, unless NO_COLOR is set', async () => {
    const path = file('terminal')
    using colored = onTerminal('explain', path)
    await colored.shows('\u001B[1;31mIt ended with the exit code 7.')
    using plain = new Terminal([process.execPath, CLI, 'explain', path], { NO_COLOR: '1' })
    await plain.ended
    expect(plain.output).toContain('It ended with the exit code 7.')
    expect(plain.output).not.toContain('\u001B[')
  })
})
