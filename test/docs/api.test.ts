/** docs/api is the generator's output for the published types, and all links in the documentation have a target. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { slugOf } from '../../scripts/api/render.js'
import { ENTRIES } from '../../scripts/lib/entries.js'
import { differences, generate } from '../../scripts/generate-api.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const types = join(root, 'dist/index.d.cts')
const REMEDY = 'run `npm run docs:api` and commit docs/api'

/** The pages generated for the published types with these lines added, and for other entry points. */
function generateWith(added: string, others: Readonly<Record<string, string>> = {}): Map<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'tripline-api-'))
  const entries: Record<string, string> = { tripline: join(folder, 'index.d.ts') }
  try {
    writeFileSync(entries['tripline']!, `${readFileSync(types, 'utf8')}\n${added}\n`)
    for (const [name, text] of Object.entries(others)) {
      entries[name] = join(folder, `${name.split('/')[1]}.d.ts`)
      writeFileSync(entries[name], text)
    }
    return generate(entries)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The anchors of a page's headings. */
function anchorsOf(text: string): string[] {
  const prose = text.replaceAll(/^```[^]*?^```$/gm, '')
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => slugOf(heading!))
}

let known: readonly string[] | undefined
/** The anchors of all pages of the API reference. */
const allAnchors = (): readonly string[] => (known ??= [...generate().values()].flatMap(anchorsOf))

/** Whether there is a section for a function (`name()`) or anything else (`class Name`). */
const hasSection = (name: string): boolean =>
  allAnchors().some((each) => each === slugOf(name) || each.endsWith(`-${slugOf(name)}`))

/** The pages of the checkout, by path. */
function allPages(): Map<string, string> {
  const list = ['ls-files', '-co', '--exclude-standard', '--', 'docs/*.md', 'examples/*.md', 'bench/*.md', '*.md']
  const files = execFileSync('git', list, { cwd: root, encoding: 'utf8' }).trim().split('\n')
  const pages = [...new Set(files)].filter((file) => !file.startsWith('scripts/') && existsSync(join(root, file)))
  return new Map(pages.map((file) => [file, readFileSync(join(root, file), 'utf8')]))
}

/** The links of a page that have no target in the checkout. */
function brokenLinks(file: string, text: string, pages: Map<string, string>): string[] {
  const prose = text.replaceAll(/^```[^]*?^```$/gm, '')
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!)
  return targets.filter((target) => {
    if (/^https?:/.test(target)) return false
    const [path, anchor] = target.split('#')
    const to = path === '' ? file : relative(root, join(root, dirname(file), path!))
    if (to !== file && !existsSync(join(root, to))) return true
    return anchor !== undefined && !anchorsOf(pages.get(to) ?? '').includes(anchor)
  })
}

describe('docs/api', () => {
  it('is up to date with the published types', () => {
    expect(differences(generate()), REMEDY).toEqual([])
  })

  // Importing the source takes long on a busy machine.
  it('has a section for every export, with its comment', { timeout: 120_000 }, async () => {
    const pages = [...generate().values()].join('\n')
    const library = (await import('../../src/index.js')) as Record<string, unknown>
    const headings = new Set(anchorsOf(pages))
    const slugs = Object.entries(library).map(([name, value]) => {
      const isClass = typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value))
      return slugOf(isClass ? `class ${name}` : name)
    })
    expect(slugs.filter((slug) => !headings.has(slug))).toEqual([])
    expect(pages).toContain('Watches `limits` on the sampling thread until it is closed.')
  })

  it.each(Object.keys(ENTRIES))('has a section for every value of the entry point %s', (entry) => {
    const values = Object.keys(createRequire(import.meta.url)(join(root, `dist/${entry}.cjs`)) as object)
    expect(values.length).toBeGreaterThan(0)
    expect(values.filter((each) => !hasSection(each))).toEqual([])
  })

  it('says when each code is thrown', () => {
    const page = generate().get('reasons-and-errors.md')!
    const codes = new Set(readFileSync(types, 'utf8').match(/ERR_TRIPLINE_\w+/g))
    expect([...codes].filter((code) => !page.includes(`| \`${code}\` |`))).toEqual([])
  })

  it('cannot be generated while an export is on no page', () => {
    expect(() => generateWith('export declare function added(): void')).toThrow('exported, but on no page: added')
  })

  it('has a page for the exports of another entry point, without those of the first', () => {
    const testing =
      "import { Guard } from './index.js'\nexport declare function fakeBreach(guard: Guard): void\nexport { Guard }\n"
    const page = generateWith('', { 'tripline/testing': testing }).get('testing.md')
    expect(page).toContain('## fakeBreach()')
    expect(page).not.toContain('## class Guard')
  })

  it('shows members of a base that is not exported, and links to types', () => {
    const pages = generateWith('').get('tickers.md')!
    expect(pages).toContain('| `maxBurst?` | `number` |')
    expect(pages).toContain('| `guard?` | [`Limits`](guards-and-limits.md#interface-limits) `\\|` [`Guard`]')
    expect(pages).not.toContain('BeatOptions')
  })

  it('does not repeat the table of metrics, so a new metric does not change it', () => {
    expect(generate().get('snapshots-and-samples.md')).toContain("type MetricName = 'cpu' | …\n")
  })

  it('has one section per anchor', () => {
    for (const [file, text] of generate()) {
      const anchors = anchorsOf(text)
      expect(anchors.filter((each, at) => anchors.indexOf(each) !== at).map((each) => `${file}#${each}`)).toEqual([])
    }
  })
})

describe('links', () => {
  const pages = allPages()

  it.each([...pages.keys()])('in %s have a target', (file) => {
    expect(brokenLinks(file, pages.get(file)!, pages)).toEqual([])
  })

  it('without a target are found', () => {
    const made = '[a](ticker.md) [b](missing.md) [c](ticker.md#missing) [d](#here)\n## Here\n'
    expect(brokenLinks('docs/made.md', made, new Map([...pages, ['docs/made.md', made]]))).toEqual([
      'missing.md',
      'ticker.md#missing',
    ])
  })
})
