/** The examples of docs/clocks-and-context.md are whole programs, and run. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { ROOT, runCommand } from '../helpers/child.js'

const page = readFileSync(`${ROOT}docs/clocks-and-context.md`, 'utf8')
const examples = [...page.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, code]) => code!)
const folder = `${ROOT}.cache/docs-clocks`

it.each([
  [0, ['--test'], /pass 1\b/],
  [1, [], /^request 7\n$/],
])('example %i runs', async (number, flags, printed) => {
  mkdirSync(folder, { recursive: true })
  const file = `${folder}/example-${number}.mjs`
  writeFileSync(file, examples[number]!)
  const { code, stdout } = await runCommand(process.execPath, [...flags, '--no-warnings', file])
  expect(stdout).toMatch(printed)
  expect(code).toBe(0)
})

it('has as many examples as are run here', () => {
  expect(examples).toHaveLength(2)
})
