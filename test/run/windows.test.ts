// The pure functions that start a command on Windows; the rest is tested in wine (npm run test:matrix).
import { assert, constantFrom, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quote } from '../../src/cli/quote.js'
import { candidates, complete } from '../../src/run/system-windows.js'

const disk =
  (...files: string[]) =>
  (file: string): boolean =>
    files.includes(file.toLowerCase())

const find = (command: string, env: NodeJS.ProcessEnv, ...files: string[]): string[] =>
  candidates(command, env, 'C:\\here', disk(...files))

describe('the file of a command on Windows', () => {
  it('is searched for in the folders of PATH, with runnable extensions in the order of PATHEXT', () => {
    const env = { Path: 'C:\\a;"C:\\b;c";;D:\\d', PATHEXT: '.COM;.EXE;.BAT;.CMD;.VBS;.JS' }
    const files = ['c:\\a\\tool.cmd', 'c:\\a\\tool', 'c:\\b;c\\tool.exe', 'd:\\d\\tool.vbs', 'c:\\here\\tool.exe']
    expect(find('tool', env, ...files)).toEqual(['C:\\a\\tool.cmd', 'C:\\b;c\\tool.exe'])
    expect(find('tool.cmd', env, ...files)).toEqual(['C:\\a\\tool.cmd'])
  })

  it('is resolved from the working directory of the command if it is a path', () => {
    expect(find('.\\bin/tool', {}, 'c:\\here\\bin\\tool.exe', 'c:\\here\\bin\\tool')).toEqual([
      'C:\\here\\bin\\tool.exe',
      'C:\\here\\bin\\tool',
    ])
    expect(find('D:\\tool.exe', {}, 'd:\\tool.exe')).toEqual(['D:\\tool.exe'])
    expect(find('..\\tool', {})).toEqual([])
  })

  it('has the usual extensions if PATHEXT is missing or names only scripts', () => {
    const files = ['c:\\a\\tool.exe', 'c:\\a\\tool.bat']
    for (const PATHEXT of [undefined, '', '.VBS']) {
      expect(find('tool', { PATH: 'C:\\a', PATHEXT }, ...files)).toEqual(['C:\\a\\tool.exe', 'C:\\a\\tool.bat'])
    }
  })

  it('is not found without PATH', () => expect(find('tool', {}, 'c:\\here\\tool.exe')).toEqual([]))
})

describe('an environment for Windows', () => {
  it('has each name once, whatever its case, and the variables that libraries need', () => {
    const env = complete(
      { Path: 'second', PATH: 'first', word: 'w', temp: undefined, USERNAME: 'me' },
      { SystemRoot: 'C:\\Windows', TEMP: 'C:\\t', Username: 'ours', other: 'o' },
    )
    expect(env).toEqual({ PATH: 'first', word: 'w', USERNAME: 'me', SYSTEMROOT: 'C:\\Windows', TEMP: 'C:\\t' })
  })
})

describe('an argument for cmd.exe', () => {
  it('is quoted only if necessary', () => {
    const words = ['plain', 'C:\\a\\', 'two words', 'two words\\', 'a"b', 'a\\"b', '', 'a&b']
    expect(words.map((word) => quote(word, 'win32'))).toEqual([
      'plain',
      'C:\\a\\',
      '"two words"',
      '"two words\\\\"',
      '"a\\"b"',
      '"a\\\\\\"b"',
      '""',
      '"a&b"',
    ])
  })

  it('is parsed back to the original', () => {
    const letters = constantFrom('a', ' ', '"', '\\', '&')
    assert(
      property(string({ unit: letters }), (word) => {
        const line = quote(word, 'win32')
        expect(line.startsWith('"') ? unquote(line.slice(1, -1)) : line).toBe(word)
      }),
    )
  })
})

/** Parses by the rule of the C library: backslashes are special only before a quote, including the closing one. */
function unquote(inner: string): string {
  return `${inner}"`.replaceAll(/(\\*)("?)/g, (_all, slashes: string, mark: string, at: number) => {
    if (mark === '') return slashes
    const last = at + slashes.length === inner.length
    return '\\'.repeat(Math.floor(slashes.length / 2)) + (last ? '' : '"')
  })
}
