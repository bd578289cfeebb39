/** The programs of examples/blocked, run as a user would run them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT, runCommand } from '../helpers/child.js'

const FOLDER = join(ROOT, 'examples/blocked')

/** The lines that a program prints. */
async function linesOf(name: string): Promise<string[]> {
  const { code, stdout, stderr } = await runCommand(process.execPath, [join(FOLDER, name)])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.trimEnd().split('\n')
}

test('a template that never ends is given up, and the next is rendered', async () => {
  expect(await linesOf('template.js')).toEqual([
    'start: <h1>start</h1>Hello, Ada!',
    'broken: given up (timeout): Timed out after 1s',
    'end: <h1>end</h1>Goodbye, Ada!',
  ])
})

test('a regular expression that takes forever is answered with 400, and the server goes on', async () => {
  expect(await linesOf('regexp.js')).toEqual([
    'Trip lines end things.: 200 a sentence',
    'no: 422 not a sentence',
    `${'a'.repeat(50)}!: 400 too complicated`,
    'Still there.: 200 a sentence',
  ])
})

test('a JSON body that is too large is refused, and without the bound a guard names the line', async () => {
  const source = readFileSync(join(FOLDER, 'json.js'), 'utf8').split('\n')
  const line = source.findIndex((each) => each.includes('of JSON.parse(text)')) + 1
  expect(await linesOf('json.js')).toEqual([
    'three rows: 200 sum 3',
    'too large: 413 more than 1000000 bytes',
    'too large, length not given: 413 more than 1000000 bytes',
    'three rows again: 200 sum 3',
    `blocked in sumOf (json.js:${line})`,
  ])
})
