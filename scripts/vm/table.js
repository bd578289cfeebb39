// The table of results, for the terminal and for docs/platforms.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const page = join(resolve(dirname(fileURLToPath(import.meta.url)), '../..'), 'docs/platforms.md')
const begin = '<!-- vm: written by npm run test:vm -->'
const end = '<!-- vm: end -->'

/** In a result, `asserts` is the number of assertions, and `failed` has the texts of those that failed. */
export function verdict({ asserts, failed }) {
  return failed.length === 0 ? 'passed' : `FAILED ${failed.length} of ${Math.max(asserts, failed.length)}`
}

/** Writes the results between the markers in docs/platforms.md: one line per scenario, the kernels side by side. */
export function writeTable(results, versions) {
  const names = [...new Set(results.map((each) => each.name))]
  const lines = ['| scenario | kernel | asserts | result |', '|---|---|---|---|']
  for (const name of names) {
    const own = results.filter((each) => each.name === name)
    const kernelsOf = own.map((each) => versions[each.kernel]).join(', ')
    const counts = own.map((each) => each.asserts).join(', ')
    const verdicts = [...new Set(own.map(verdict))].join(', ')
    lines.push(`| ${name}: ${own[0].what} | ${kernelsOf} | ${counts} | ${verdicts} |`)
  }
  const text = readFileSync(page, 'utf8')
  const from = text.indexOf(begin)
  const to = text.indexOf(end)
  if (from === -1 || to < from) throw new Error(`docs/platforms.md lacks the line ${begin} or ${end}`)
  writeFileSync(page, `${text.slice(0, from)}${begin}\n${lines.join('\n')}\n${text.slice(to)}`)
}
