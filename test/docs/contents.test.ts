/** docs/README.md is the one table of contents: it has every page of the manual. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT } from '../helpers/child.js'

const pagesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder)).filter((each) => each.endsWith('.md') && each !== 'README.md')
const linksOf = (page: string): string[] =>
  [...readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\(([^)#]+)/g)].map(([, to]) => to!)

it('the table of contents has every page', () => {
  const links = new Set(linksOf('docs/README.md'))
  expect(
    pagesIn('docs').filter((each) => !links.has(each)),
    'add a line to docs/README.md',
  ).toEqual([])
  expect(links).toContain('recipes/README.md')
  expect(links).toContain('api/README.md')
})

it.each(['recipes', 'api'])('the list of docs/%s has every page', (folder) => {
  const links = new Set(linksOf(`docs/${folder}/README.md`))
  expect(pagesIn(`docs/${folder}`).filter((each) => !links.has(each))).toEqual([])
})

it('SECURITY.md links to files that exist, tests among them', () => {
  const links = linksOf('SECURITY.md')
  expect(links.filter((each) => !existsSync(join(ROOT, each)))).toEqual([])
  expect(links.filter((each) => each.startsWith('test/')).length).toBeGreaterThan(10)
})
