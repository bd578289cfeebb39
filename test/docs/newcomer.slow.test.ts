/** The path of a newcomer: from the packed tarball to a guarded job, with nothing but what the README and docs/start.md say. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pack } from '../../scripts/lib/pack.js'
import { ROOT, runCommand, type Outcome } from '../helpers/child.js'
import { FIGURE, outputOn, patternOf } from './outputs.js'
import { claimsOf, snippetsOf } from './snippets.js'

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
const start = readFileSync(join(ROOT, 'docs/start.md'), 'utf8')
const commands = [...readme.matchAll(/^ {4}(npx tripline .*?)(?: {2,}# .*)?$/gm)].map(([, line]) => line!)

const git = (...words: string[]) => spawnSync('git', words, { cwd: ROOT, encoding: 'utf8' })

/** Whether the release binaries were built from the sources in native/. Between releases they may be older. */
function areBinariesCurrent(): boolean {
  const built = git('log', '-1', '--format=%H', '--', 'prebuilds').stdout.trim()
  return built !== '' && git('diff', '--quiet', built, '--', 'native', 'binding.gyp').status === 0
}

const ownBuild = !areBinariesCurrent()

describe(`a newcomer, with ${ownBuild ? 'an addon built now: native/ is newer than the release binaries' : 'the release binary'}`, () => {
  let folder: string
  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'tripline-newcomer-')))
    const tarball = pack(join(folder, 'registry'), { ownBuild })
    expect(readme).toMatch(/^ {4}npm install tripline(?:@next)?$/m)
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball], { cwd: folder })
  }, 120_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const shell = (line: string): Promise<Outcome> => runCommand('/bin/sh', ['-c', line], { cwd: folder, limit: 60_000 })

  /** Saves a program under the name that a page says, and runs it with the command that the page says. */
  async function saved(page: string, code: string): Promise<Outcome> {
    const [, name, command] = /ave (?:this|it) as\s+`(\S+)` and run\s+`(node \S+)`/.exec(page)!
    writeFileSync(join(folder, name!), code)
    return shell(command!)
  }

  it('copies the first program of the README, and sees it end at its limit', { timeout: 60_000 }, async () => {
    const shown = outputOn('README.md', 'process.rss ')
    const { code, stdout, stderr } = await saved(readme, snippetsOf('README')[0]!.code)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [, value, limit, kept] = /^process\.rss (\S+)MB > (\S+)MB after (\d+) MB/.exec(shown)!
    const measured = {
      [`${value}MB >`]: /\d+(?:\.\d+)?MB >/,
      [`> ${limit}MB`]: /> 200(?:\.0+)?MB/,
      [`${kept} MB`]: /\d+ MB/,
    }
    expect(Number(limit)).toBe(200)
    expect(stdout).toMatch(patternOf(shown, measured))
    // The figures are of one process, which needs some memory beside the buffers, but not as much as they do.
    for (const text of [shown, stdout]) {
      const [rss, line, buffers] = text.match(/\d+(?:\.\d+)?(?= ?MB)/g)!.map(Number) as [number, number, number]
      expect(rss).toBeGreaterThan(line)
      expect(rss - buffers).toBeGreaterThan(20)
      expect(rss - buffers).toBeLessThan(120)
    }
  })

  it('copies the second program of the README, and sees its output', { timeout: 60_000 }, async () => {
    const outcome = await saved(readme, snippetsOf('README')[1]!.code)
    expect(outcome).toEqual({ code: 0, signal: null, stdout: outputOn('README.md', 'Timed out '), stderr: '' })
    expect(outcome.stdout).toContain('aborted is false')
  })

  // A busy machine may delay the loop before the program does.
  it(
    'copies the first program of docs/start.md, and sees the place that blocks',
    { retry: 3, timeout: 60_000 },
    async () => {
      const shown = outputOn('docs/start.md', 'eventLoop.delay ')
      const { code, stdout, stderr } = await saved(start, snippetsOf('start')[0]!.code)
      const url = pathToFileURL(join(folder, 'first.mjs')).href
      const measured = { '202.757': FIGURE, 'file:///home/ada/first.mjs': new RegExp(url.replaceAll('.', '\\.')) }
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
      expect(stderr).toMatch(patternOf(shown, measured))
    },
  )

  it.each(
    snippetsOf('start')
      .slice(1)
      .map((each) => [each.name, each] as const),
  )('copies the program %s, and sees what it claims', async (_, snippet) => {
    const { code, stdout, stderr } = await saved(start, snippet.code)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const claimed = claimsOf(snippet).map(({ text }) => `${text}\n`)
    expect(stdout).toMatch(claimed.length > 0 ? patternOf(claimed.join('')) : /^0 v[\d.]+ ended by itself\n$/)
  })

  it('tries the commands of docs/start.md', { timeout: 60_000 }, async () => {
    const [, run] = /`(npx tripline run [^`]+)`/.exec(start)!
    expect(await shell(run!)).toMatchObject({ code: 0, stdout: `${process.version}\n`, stderr: '' })
  })

  it('sees the demo', { timeout: 60_000 }, async () => {
    expect(commands[0]).toBe('npx tripline demo')
    const { code, stdout, stderr } = await shell(commands[0]!)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('in isSentence (loop.js:')
    expect(stdout).toContain('nightly import')
  })

  it('tries the commands', { timeout: 60_000 }, async () => {
    expect(commands).toHaveLength(5)
    const [, run, watch, check, doctor] = commands
    // What `make` would make is not here; `run` has to reach it.
    expect(await shell(run!.replace(/ -- .*/, " -- sh -c 'echo made; exit 3'"))).toMatchObject({
      code: 3,
      stdout: 'made\n',
    })
    expect((await shell(`${watch} --for 1s --interval 500ms`)).stdout).toMatch(/ memory \d.* cpu /)
    expect([0, 1]).toContain((await shell(check!)).code)
    expect((await shell(doctor!)).stdout).toContain('the prebuilt one')
  })

  it('finds every page that the README links to', () => {
    const installed = join(folder, 'node_modules/tripline')
    const links = [...readme.matchAll(/[^!]\[[^\]]*\]\(([^)#\s]+)/g)].map(([, to]) => to!)
    for (const to of links.filter((each) => !each.startsWith('https:'))) {
      expect(readFileSync(join(installed, to), 'utf8'), to).not.toBe('')
    }
  })

  it('downloads no pictures', () => {
    expect(existsSync(join(folder, 'node_modules/tripline/docs/start.md'))).toBe(true)
    expect(existsSync(join(folder, 'node_modules/tripline/docs/images'))).toBe(false)
  })

  it('reads the installed README', () => {
    const installed = readFileSync(join(folder, 'node_modules/tripline/README.md'), 'utf8')
    // The registry shows it without the other files: all links have addresses.
    expect(installed.replaceAll(/https:\/\/[^)]*\/(?:blob|raw)\/v[^/)]+\//g, '')).toBe(readme)
    expect(installed.match(/\]\((?!https:|#)[^)]*/g)).toBe(null)
    expect(installed).toMatch(/!\[[^\]]*\]\(https:\/\/[^)]*\/docs\/images\//)
  })
})
