/** The published types, as a project sees them that checks its libraries too. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

const PROJECT = `
import { Cancelable, CancelationToken, every, guard, run } from 'tripline'
using cancel = new Cancelable({ timeout: '5s', token: new CancelationToken(), resources: guard({ memory: 90 }) }).enter()
const ticker = every({ hz: 10 }, (tick) => tick.throwIfCanceled())
export const status: Promise<number> = run('true').then((result) => result.status)
export { cancel, ticker }
`

describe('the published types', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tripline-types-'))
    const installed = join(folder, 'node_modules/tripline')
    mkdirSync(installed, { recursive: true })
    for (const each of ['package.json', 'dist']) cpSync(join(root, each), join(installed, each), { recursive: true })
    symlinkSync(join(root, 'node_modules/@types'), join(folder, 'node_modules/@types'))
    symlinkSync(join(root, 'node_modules/undici-types'), join(folder, 'node_modules/undici-types'))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(join(folder, 'project.ts'), PROJECT)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('compile where libraries are checked', () => {
    const options = '--strict --noEmit --module nodenext --target es2022 --types node'.split(' ')
    const lib = ['--lib', 'es2023,esnext.disposable,esnext.decorators']
    const tsc = join(root, 'node_modules/.bin/tsc')
    // tsc prints what is wrong and exits with a status that throws here.
    const output = execFileSync(tsc, [...options, ...lib, 'project.ts'], { cwd: folder, encoding: 'utf8' })
    expect(output).toBe('')
  })

  it('show no members that are for the library alone', () => {
    const dist = join(root, 'dist')
    const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((each) => each.endsWith('.d.ts'))
    const exported = ['cancelable/cancelable.d.ts', 'sources/token.d.ts', 'schedule/ticker.d.ts', 'monitor/guard.d.ts']
    expect(files).toEqual(expect.arrayContaining(exported))
    for (const each of exported) {
      expect(readFileSync(join(dist, each), 'utf8')).not.toMatch(/^ +(?:readonly )?_\w+|\b(?:bodyOver|deliver|beat)\(/m)
    }
  })
})
