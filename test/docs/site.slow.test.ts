/** `npm run docs` builds every page of the manual, and its sidebar has the table of contents. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { contents } from '../../site/contents.js'
import { ROOT, runCommand } from '../helpers/child.js'

const out = join(ROOT, '.cache/site')

it('the site has every page, a search, and working anchors', { timeout: 600_000 }, async () => {
  const { code, stderr } = await runCommand(process.execPath, [join(ROOT, 'scripts/docs.js')], { limit: 590_000 })
  expect(code, stderr).toBe(0)
  for (const { items } of contents(ROOT)) {
    for (const { link } of items) {
      const file = link.endsWith('/') ? `${link}index.html` : `${link}.html`
      expect(existsSync(join(out, file)), link).toBe(true)
    }
  }
  expect(deadLinks()).toEqual([])
  const page = readFileSync(join(out, 'docs/blocked-loop.html'), 'utf8')
  expect(page).toContain('id="ending-what-never-looks"')
  expect(page).not.toContain('{{')
  expect(readFileSync(join(out, 'index.html'), 'utf8')).toContain('/assets/demo.')
  const search = readdirSync(join(out, 'assets/chunks')).filter((each) => /localSearch/.test(each))
  expect(search.length).toBeGreaterThan(0)
})

/** The links of all pages of the site that lead to no file of it. */
function deadLinks(): string[] {
  const files = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((each) => each.endsWith('.html'))
  return files.flatMap((file) => {
    const links = readFileSync(join(out, file), 'utf8').matchAll(/<a[^>]*? href="([^"#?]+)/g)
    const own = [...links].map(([, to]) => to!).filter((to) => !/^[a-z]+:/.test(to))
    return own
      .filter((to) => !leadsSomewhere(join(to.startsWith('/') ? out : join(out, dirname(file)), to)))
      .map((to) => `${file}: ${to}`)
  })
}

function leadsSomewhere(path: string): boolean {
  return existsSync(path.endsWith('/') ? `${path}index.html` : path) || existsSync(`${path}.html`)
}
