/** The programs in docs/recipes are those in examples/, and the list of recipes has them all. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT } from '../helpers/child.js'

const folder = join(ROOT, 'docs/recipes')
const pages = readdirSync(folder).filter((each) => each.endsWith('.md') && each !== 'README.md')
const PROGRAM =
  /^\[`(examples\/[^`]+)`\]\(\.\.\/\.\.\/([^)]+)\)(?:, an ES module \(\[how to use it\]\(README\.md\)\))?:\n\n```\w+\n([^]*?)^```$/gm

it('each program is shown as it is', () => {
  const shown = pages.flatMap((page) => [...readFileSync(join(folder, page), 'utf8').matchAll(PROGRAM)])
  for (const [, name, link, text] of shown) {
    expect(link).toBe(name)
    expect(text).toBe(readFileSync(join(ROOT, name!), 'utf8'))
  }
  const names = shown.map(([, name]) => name)
  const files = readdirSync(join(ROOT, 'examples/recipes')).map((each) => `examples/recipes/${each}`)
  expect(names).toEqual(expect.arrayContaining(files))
})

it('the list has every recipe, by its title', () => {
  const list = readFileSync(join(folder, 'README.md'), 'utf8')
  const titles = pages.map((page) => {
    const [title] = readFileSync(join(folder, page), 'utf8').split('\n')
    return `- [${title!.slice(2)}](${page})`
  })
  expect(list.split('\n').filter((line) => line.startsWith('- '))).toEqual(titles.toSorted(byLink))
})

function byLink(a: string, b: string): number {
  const [first, second] = [a, b].map((each) => /\((.+)\)$/.exec(each)![1]!)
  return first! < second! ? -1 : 1
}
