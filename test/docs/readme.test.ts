/** The README shows programs as they are, measured figures, and links that also work in the package. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { figures, PAGES, withFigures } from '../../bench/figures.js'
import { ROOT } from '../helpers/child.js'

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
const readme = read('README.md')
const { files, scripts, version, description } = JSON.parse(read('package.json')) as {
  files: string[]
  scripts: Record<string, string>
  version: string
  description: string
}

/** Pages that are made of measurements. */
const MEASURED = new Set(['performance.md', 'reliability.md'])

/** Whether npm packs a file. Pictures are left out: the registry's page and the repository show them. */
function isShipped(path: string): boolean {
  const [top] = path.split('/')
  return ['README.md', 'LICENSE', 'package.json', ...files].includes(top!) && existsSync(join(ROOT, path))
}

describe('README.md', () => {
  it.each(['guard', 'blocked'])('shows examples/readme/%s.js as it is', (name) => {
    expect(readme).toContain(`\`\`\`js\n${read(`examples/readme/${name}.js`)}\`\`\`\n\n\`\`\`text\n`)
  })

  it('has figures from bench/results only', () => {
    for (const page of Object.keys(PAGES)) {
      expect(read(page), 'run node bench/report.js').toBe(withFigures(page, read(page)))
    }
    // Each says how to repeat it.
    const suites = [...figures().matchAll(/\| `(\w+)` \|$/gm)].map(([, suite]) => suite!)
    expect(suites.length).toBeGreaterThan(15)
    for (const suite of suites) {
      expect(existsSync(join(ROOT, 'bench', suite))).toBe(true)
    }
    const prose = readme.replace(/<!-- figures -->[^]*<!-- \/figures -->/, '').replaceAll(/^```[^]*?^```$/gm, '')
    expect(prose.match(/\d+(?:\.\d+)? (?:µs|ns|ms|KiB|times as)\b/g)).toBe(null)
  })

  it('leaves measured figures to the bench in the manual, too', () => {
    const pages = readdirSync(join(ROOT, 'docs')).filter((each) => each.endsWith('.md') && !MEASURED.has(each))
    expect(pages.length).toBeGreaterThan(30)
    const typed = pages.flatMap((page) => {
      const text = read(`docs/${page}`).replace(/<!-- figures -->[^]*<!-- \/figures -->/, '')
      const found = text.match(/\b(?:some|about|around|roughly) \d[\d.]*\s(?:[nµm]?s|[kKM]i?B)\b/g) ?? []
      return found.map((each) => `${page}: ${each}`)
    })
    expect(typed).toEqual([])
  })

  it('links to files of the package only', () => {
    const links = [...readme.matchAll(/(!?)\[[^\]]*\]\(([^)#\s]+)/g)].filter(([, , to]) => !to!.startsWith('https:'))
    expect(links.length).toBeGreaterThan(30)
    expect(links.filter(([, picture, to]) => picture === '' && !isShipped(to!)).map(([, , to]) => to)).toEqual([])
    const pictures = links.filter(([, picture]) => picture === '!').map(([, , to]) => to!)
    expect(pictures.filter((each) => !existsSync(join(ROOT, each)))).toEqual([])
  })

  it('begins with the description of the package', () => {
    expect(readme.split('\n\n')[1]!.replaceAll('\n', ' ')).toBe(description)
  })

  // `npm install tripline` does not choose a candidate.
  it.each(['README.md', 'docs/start.md', 'docs/bullmq.md'])('%s installs what the version is', (page) => {
    const name = version.includes('-') ? 'tripline@next' : 'tripline'
    const installed = [...read(page).matchAll(/^ {4}npm install (tripline\S*)/gm)].map(([, word]) => word)
    expect(installed).toEqual([name])
  })

  it('has two commands that do all the set-up', () => {
    for (const [, install, script] of readme.matchAll(/^ {4}(npm install) && npm (?:run )?(\w+) /gm)) {
      expect([install, scripts[script!]]).toEqual(['npm install', expect.any(String)])
    }
    expect(readme).toMatch(/^ {4}npm install && npm run demo /m)
    expect(readme).toMatch(/^ {4}npm install && npm test /m)
  })
})
