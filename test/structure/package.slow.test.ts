/** What the published package contains: nothing more and nothing less than its users need, and no link that leads nowhere. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pack } from '../../scripts/lib/pack.js'
import { targets } from '../../scripts/prebuild/targets.js'
import { ROOT } from '../helpers/child.js'

const ALLOWED = [
  /^(?:package\.json|README\.md|LICENSE|CHANGELOG\.md|SECURITY\.md|THIRD-PARTY-LICENSES\.md)$/,
  /^dist\/(?:cli\/)?[\w.-]+\.(?:js|cjs|d\.ts|d\.cts)$/,
  /^dist\/dashboard\/[\w.-]+\.(?:js|css|html|svg|LICENSE)$/,
  /^native\/(?:[\w-]+\/)*[\w.-]+\.(?:cc|c|h|def|inc|js|gyp|gypi)$/,
  /^dist\/cli\/package\.json$/,
  /^docs\/(?:[\w-]+\/)?[\w-]+\.md$/,
  // What recipes have beside their programs: scripts, a unit of systemd, rules of a broker.
  /^docs\/recipes\/[\w-]+\.(?:sh|service)$/,
  /^examples\/(?:[\w-]+\/)*[\w.-]+\.(?:js|ts|md|sh|acl)$/,
  /^prebuilds\/[\w-]+\/tripline(?:\.armv7)?\.node$/,
]

describe('the package', () => {
  let work: string
  let files: string[]
  const read = (file: string): string => readFileSync(join(work, 'package', file), 'utf8')
  beforeAll(() => {
    work = mkdtempSync(join(tmpdir(), 'tripline-contents-'))
    execFileSync('tar', ['xzf', pack(work), '-C', work])
    files = readdirSync(join(work, 'package'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      statSync(join(work, 'package', file)).isFile(),
    )
  }, 60_000)
  afterAll(() => rmSync(work, { recursive: true, force: true }))

  it('has only files of the kinds that belong to it', () => {
    expect(files.filter((file) => !ALLOWED.some((each) => each.test(file)))).toEqual([])
  })

  it('has every file that its fields name, and every binary', () => {
    const { exports, bin, main, types } = JSON.parse(read('package.json')) as Record<string, unknown>
    const named = [...JSON.stringify([exports, bin, main, types]).matchAll(/"(\.\/[^"]+)"/g)].map(([, file]) => file!)
    expect(named.filter((file) => file.includes('dist/')).length).toBeGreaterThan(20)
    const there = new Set(files)
    const wanted = [...named, ...targets.map(({ file }) => `./prebuilds/${file}`)]
    // Entry points are named in the same way as files.
    expect(wanted.filter((file) => /\.\w+$/.test(file) && !there.has(file.slice(2)))).toEqual([])
  })

  it('runs nothing when it is installed', () => {
    const manifest = JSON.parse(read('package.json')) as Record<string, unknown>
    expect(manifest).not.toHaveProperty('scripts')
    expect(manifest['dependencies']).toEqual({ 'node-gyp-build': expect.any(String) })
    expect(files).not.toContain('binding.gyp')
  })

  it('has no link to a file that is missing', () => {
    const { version, repository } = JSON.parse(read('package.json')) as { version: string; repository: { url: string } }
    const tree = `${repository.url.replace(/^git\+|\.git$/g, '')}/(?:blob|raw)/v${version}/`
    const dead = []
    let rewritten = 0
    for (const page of files.filter((file) => file.endsWith('.md'))) {
      for (const [, to] of read(page).matchAll(/\]\(([^)#\s]+)/g)) {
        const [, elsewhere] = new RegExp(`^${tree}(.+)$`).exec(to!) ?? []
        if (elsewhere !== undefined) {
          rewritten++
          if (!existsSync(join(ROOT, elsewhere))) dead.push(`${page}: ${to}`)
        } else if (!/^[a-z]+:/.test(to!) && !existsSync(join(work, 'package', dirname(page), to!)))
          dead.push(`${page}: ${to}`)
      }
    }
    expect(dead).toEqual([])
    expect(rewritten).toBeGreaterThan(10)
  })

  it('has the license of all code of others', () => {
    const licenses = read('THIRD-PARTY-LICENSES.md')
    for (const name of ['node-addon-api', 'node-api-headers', 'uPlot']) {
      const own = ['LICENSE', 'LICENSE.md'].map((file) => join(ROOT, 'node_modules', name.toLowerCase(), file))
      const lines = readFileSync(
        own.find((file) => existsSync(file))!,
        'utf8',
      ).split('\n')
      const section = licenses.split(/^## /m).find((each) => each.startsWith(`${name}\n`))
      expect(section, name).toBeDefined()
      for (const line of lines.filter((each) => each.trim() !== '')) expect(section).toContain(line.trimEnd())
    }
  })
})
