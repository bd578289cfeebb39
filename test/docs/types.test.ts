/** The published types, in a project that type-checks its libraries too. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

const PROJECT = `
import { subscribe } from 'node:diagnostics_channel'
import { Cancelable, CancelationToken, every, guard, run, type BreachMessage, type CancelMessage } from 'tripline'
import type { Cleanup, ClearMessage, ErrorMessage, ErrorOrigin, ListenerTypes } from 'tripline'
using cancel = new Cancelable({ timeout: '5s', token: new CancelationToken(), resources: guard({ memory: 90 }) }).enter()
const child = new Cancelable({ parent: cancel })
const ticker = every({ hz: 10 }, (tick) => tick.throwIfCanceled(), { onError: (_, { name }) => void name })
export const status: Promise<number> = run('true').then((result) => result.status)
const cleanup: Cleanup = () => undefined
const listener: ListenerTypes['cancel'] = (reason, { id }) => [reason.message, id]
const origin: ErrorOrigin = 'condition "drained"'
subscribe('tripline:error', (message) => void (message as ErrorMessage).origin)
subscribe('tripline:cancel', (message) => void (message as CancelMessage).reason.kind)
subscribe('tripline:breach', (message) => void (message as BreachMessage).breach.value)
subscribe('tripline:clear', (message) => void (message as ClearMessage).guard.name)
class Job extends Cancelable {
  _next: Job | null = null
  flags = 'mine'
}
export { cancel, child, cleanup, Job, listener, origin, ticker }
`

/** A subclass must not redefine a public member with another type. */
const CLASHING = `
import { Cancelable } from 'tripline'
export class Job extends Cancelable {
  context = 'mine'
}
`

describe('the published types', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tripline-types-'))
    const installed = join(folder, 'node_modules/tripline')
    mkdirSync(installed, { recursive: true })
    for (const each of ['package.json', 'dist']) cpSync(join(root, each), join(installed, each), { recursive: true })
    // Without the comment that keeps the check away from projects that lack the types of Node.
    for (const file of readdirSync(join(installed, 'dist')).filter((each) => each.endsWith('.d.cts'))) {
      const path = join(installed, 'dist', file)
      writeFileSync(path, readFileSync(path, 'utf8').replace('// @ts-nocheck', '//'))
    }
    symlinkSync(join(root, 'node_modules/@types'), join(folder, 'node_modules/@types'))
    symlinkSync(join(root, 'node_modules/undici-types'), join(folder, 'node_modules/undici-types'))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(join(folder, 'project.ts'), PROJECT)
    writeFileSync(join(folder, 'clashing.ts'), CLASHING)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** Compiles a file and returns the output of tsc. Throws if there are errors. */
  function compile(file: string): string {
    const options = '--strict --noEmit --module nodenext --target es2022 --types node'.split(' ')
    const lib = ['--lib', 'es2023,esnext.disposable,esnext.decorators']
    const tsc = join(root, 'node_modules/.bin/tsc')
    return execFileSync(tsc, [...options, ...lib, file], { cwd: folder, encoding: 'utf8' })
  }

  it('compile in a project that checks its libraries', () => {
    expect(compile('project.ts')).toBe('')
  })

  it('reject a subclass that redefines a public member with another type', () => {
    expect(() => compile('clashing.ts')).toThrow()
  })

  // With `exactOptionalPropertyTypes`, an optional property accepts undefined only if its type says so.
  it('accept undefined for every option', () => {
    const types = readFileSync(join(root, 'dist/index.d.cts'), 'utf8')
    const options = [
      ...types.matchAll(
        /^(?:export declare )?interface (?:\w*Options|Selector|Limit|MetricQuery)\b[^{]*\{$([^]*?)^\}$/gm,
      ),
    ]
    const optional = options.flatMap(([, members]) => members!.match(/^ +(?:readonly )?\w+\?: .*$/gm) ?? [])
    expect(optional.length).toBeGreaterThan(50)
    expect(optional.filter((line) => !/\bundefined;$/.test(line))).toEqual([])
  })

  it('are one file per entry point, without internal members', () => {
    const dist = join(root, 'dist')
    const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((each) => /\.d\.c?ts$/.test(each))
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object }
    const subpaths = Object.keys(exports).filter((each) => each !== './package.json')
    const entries = subpaths.map((each) => (each === '.' ? 'index' : each.slice(2)))
    expect(files.toSorted()).toEqual(
      ['node.d.cts', ...entries.flatMap((name) => [`${name}.d.cts`, `${name}.d.ts`])].toSorted(),
    )
    const types = entries.map((name) => readFileSync(join(dist, `${name}.d.cts`), 'utf8')).join('\n')
    expect(types).not.toMatch(/^ +(?:readonly )?(?:_\w+|\[k[A-Z])|@internal/m)
    // No interface is empty because all of its members were internal.
    expect(types).not.toMatch(/interface \w+(?:<.*>)?(?: extends .*)? \{\s*\}/)
  })
})
