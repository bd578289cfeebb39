// The programs that rows run, made from the files in test/consumers.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const fixture = (name) => readFileSync(fileURLToPath(new URL(`../../test/consumers/${name}`, import.meta.url)), 'utf8')

export const check = fixture('check.js')
export const types = fixture('types.ts')
export const testing = fixture('testing.js')
export const jestClocks = fixture('jest-clocks.js')
export const vitestClocks = fixture('vitest-clocks.js')
export const clockScenarios = fixture('../helpers/fake-clocks.cjs')

/** Converts the text of an ES module to a CommonJS module. */
export function asCommonJs(text) {
  const names = [...text.matchAll(/^export async function (\w+)/gm)].map(([, name]) => name)
  const body = text
    .replaceAll(/^import (\{.*\}) from ('.*')$/gm, (_, imported, from) => {
      return `const ${imported.replaceAll(' as ', ': ')} = require(${from})`
    })
    .replaceAll(/^export (?=async function)/gm, '')
  return body + names.map((name) => `exports.${name} = ${name}\n`).join('')
}

/** A program in a single file. */
export const program = `${check}
report().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
`

/** A file with one test. */
export const testFile = (framework, checkFile, name = 'test') => `import { ${name} } from '${framework}'
import { report } from '${checkFile}'

${name}('a guard breaches', () => report())
`
