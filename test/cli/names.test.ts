/** Names from outside never reach a terminal with their control characters. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { printable, printableLines } from '../../src/base/printable.js'
import { MetricUnavailableError } from '../../src/base/errors.js'
import { quote } from '../../src/cli/quote.js'
import { draw } from '../../src/cli/table.js'
import { History } from '../../src/cli/history.js'
import { checkMetric } from '../../src/monitor/selectors.js'
import { guard } from '../../src/index.js'
import { shell } from '../helpers/cli.js'

// Colors, a window title, an 8-bit escape, a line break, and text that runs from right to left.
const NASTY = 'd\u001B[31m\u001B]0;pwn\u0007\u009B31m\ntripline: all is well\u202Egnp'
const CONTROL = /[^\P{Cc}\n\t]|[\u200E\u200F\u202A-\u202E\u2066-\u2069]/u
const folder = mkdtempSync(join(tmpdir(), 'tripline-names-'))
const directory = join(folder, NASTY)
const program = join(folder, 'c\u001B[31m\u009Bx')
mkdirSync(directory)
copyFileSync('/bin/sleep', program)
afterAll(() => rmSync(folder, { recursive: true }))

const quoted = (text: string): string => quote(text, 'linux')

describe('printable', () => {
  it('escapes characters that are not printable, and no others', () => {
    expect(printable('a\u001Bb\n\r\t\u0000\u007F\u0085\u202E\u2067')).toBe(
      String.raw`a\u001bb\n\r\t\u0000\u007f\u0085\u202e\u2067`,
    )
    const plain = String.raw`C:\temp é 漢字 👩‍💻 {"a": 1}`
    expect(printable(plain)).toBe(plain)
  })

  it('keeps line breaks, and does not change the value of JSON', () => {
    expect(printableLines('a\tb\nc\u0007\n')).toBe('a\tb\nc\\u0007\n')
    expect(JSON.parse(printableLines(JSON.stringify({ [NASTY]: NASTY }, undefined, 2)))).toEqual({ [NASTY]: NASTY })
  })
})

describe.skipIf(process.platform === 'win32')('a directory whose name holds escape sequences', () => {
  it.each(['doctor', 'watch --once disk', 'watch --for 300ms --interval 100ms disk', 'doctor --json'])(
    'is shown escaped by %s',
    async (words) => {
      const { stdout, stderr } = await shell(`cd ${quoted(directory)} && tripline ${words}`)
      expect(stdout + stderr).not.toMatch(CONTROL)
      expect(stdout).not.toMatch(/^tripline: all is well/m)
    },
  )

  it('is escaped in lines and errors about a limit', async () => {
    // A line end within a limit counts as a blank.
    const place = join(folder, NASTY.slice(0, NASTY.indexOf('\n')))
    mkdirSync(place)
    const limit = quoted(`disk(${place})>0%`)
    const { stdout } = await shell(`tripline watch --for 300ms --interval 100ms --limit ${limit}`)
    expect(stdout).toContain(String.raw`d\u001b[31m`)
    expect(stdout).not.toMatch(CONTROL)
    for (const line of [
      `watch --limit ${quoted(`disk(${place}/none)>0%`)}`,
      `watch --limit ${quoted(`disk(${place}) oops`)}`,
    ]) {
      const { stderr, code } = await shell(`tripline ${line}`)
      expect(code).toBe(125)
      expect(stderr).not.toMatch(CONTROL)
    }
  })

  it('is escaped in errors of the library', () => {
    const path = join(directory, 'none')
    let message = ''
    try {
      guard({ disk: { above: 1, path } })
    } catch (error) {
      expect(error).toBeInstanceOf(MetricUnavailableError)
      message = (error as Error).message
    }
    expect(message).toContain(String.raw`\u001b[31m`)
    expect(message).not.toMatch(/\p{Cc}/u)
    expect(() => guard({ [NASTY]: 1 } as never)).toThrow(String.raw`Unknown metric 'd\u001b[31m`)
  })

  it('is escaped in the table on a terminal', () => {
    const history = new History({ info: checkMetric('disk'), selector: { path: NASTY } })
    history.add(5)
    const row = { history, limit: { text: `>1\u0007`, line: 0, state: 'clear' } }
    const look = { rows: [row], width: 200, height: 20, color: false, cost: '', paused: false, help: false }
    expect(draw(look).join('\n')).not.toMatch(CONTROL)
    history.why = NASTY
    expect(draw(look).join('\n')).not.toMatch(CONTROL)
  })
})

describe.skipIf(process.platform === 'win32')('a command whose name holds escape sequences', () => {
  it('is escaped in the messages of run', async () => {
    const report = join(folder, 'report.json')
    const { stderr, code } = await shell(
      `tripline run -v --report ${report} --timeout 200ms -- ${quoted(program)} 30; exit $?`,
    )
    expect(code).toBe(124)
    expect(stderr).toMatch(/ended .*c\\u001b\[31m\\u009bx \(pid/)
    expect(stderr).not.toMatch(CONTROL)
    expect((JSON.parse(readFileSync(report, 'utf8')) as { command: string[] }).command[0]).toBe(program)
    const missing = await shell(`tripline run -- ${quoted(`${program}y`)}`)
    expect(missing.stderr).toContain('command not found')
    expect(missing.stderr).not.toMatch(CONTROL)
  })

  it('is quoted by profile so that a shell reads it back', async () => {
    const { stderr } = await shell(`tripline profile -- ${quoted(program)} 0`)
    expect(stderr).not.toMatch(CONTROL)
    const [, proposed] = / -- (\S+) 0$/m.exec(stderr)!
    const { stdout } = await shell(`printf %s ${proposed}`)
    expect(stdout).toBe(program)
  })
})
