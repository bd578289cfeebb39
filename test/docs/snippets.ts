/** The code in the manual, completed to modules that can be type-checked and run. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import * as library from '../../src/index.js'
import { ROOT } from '../helpers/child.js'
import * as standIns from './stand-ins.js'

export interface Snippet {
  /** `ticker-1`: the page and the number of the block. */
  readonly name: string
  readonly code: string
  /** The entry point whose exports it may use beside those of the main one. */
  readonly entry?: string
}

/** The blocks of a page in TypeScript or JavaScript. */
export function snippetsOf(page: string): Snippet[] {
  const text = readFileSync(join(ROOT, `docs/${page}.md`), 'utf8')
  const blocks = [...text.matchAll(/^```(?:ts|js)\n([^]*?)^```$/gm)]
  return blocks.map(([, code], index) => ({ name: `${page}-${index + 1}`, code: code! }))
}

/** The examples in the doc comments of all entry points, which are those of the API reference. */
export function apiExamples(): Snippet[] {
  const dist = join(ROOT, 'dist')
  return readdirSync(dist)
    .filter((each) => each.endsWith('.d.cts'))
    .flatMap((file) => {
      const entry = file.slice(0, -'.d.cts'.length)
      const comments = readFileSync(join(dist, file), 'utf8').matchAll(/@example\s*\n([^]*?)(?=\n\s*\* @\w|\*\/)/g)
      return [...comments].map(([, text], index) => {
        const lines = text!.split('\n').map((line) => line.replace(/^\s*\* ?/, ''))
        return { name: `api-${entry}-${index + 1}`, code: lines.join('\n').replaceAll(/```\w*\n?/g, ''), entry }
      })
    })
}

/** The errors of types in the snippets, apart from names that only a program can have. */
export function typeErrors(folder: string, snippets: readonly Snippet[]): string[] {
  try {
    compile(folder, snippets)
    return []
  } catch (error) {
    const { stdout } = error as { stdout: string }
    // A name that is not found, also as a shorthand property.
    return stdout.split('\n').filter((line) => line !== '' && !/^ |error TS(?:2304|2552|18004):/.test(line))
  }
}

/** The names that the code uses and does not define, as far as `known` has them. */
function missing(code: string, known: Iterable<string>): string[] {
  const text = code.replaceAll(/\/\/.*$/gm, '').replaceAll(/'[^'\n]*'/g, "''")
  return [...known].filter((name) => {
    const isUsed = new RegExp(`(?<![.\\w$])${name}\\b(?!\\s*:)`).test(text)
    const isDefined = new RegExp(
      `(?:import [^;]*?\\b${name}\\b[^;]*? from|(?:const|let|function|class) ${name}\\b|(?:const|let) [{[][^=}]*\\b${name}\\b|\\(\\{?[^()]*\\b${name}\\b[^()]*\\}?\\) =>|\\b${name} =>)`,
    ).test(text)
    return isUsed && !isDefined
  })
}

const exportsOf = (entry: string): string[] =>
  Object.keys(createRequire(import.meta.url)(join(ROOT, `dist/${entry}.cjs`)) as object)

/** Writes the snippets as modules, checks their types, and returns the folder with the compiled modules. */
export function compile(folder: string, snippets: readonly Snippet[]): string {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const { name, code, entry } of snippets) {
    const isExample = entry !== undefined
    const part = !isExample || entry === 'index' ? [] : missing(code, exportsOf(entry))
    const own = missing(code, Object.keys(library)).filter((each) => !part.includes(each))
    const others = isExample ? [] : missing(code, Object.keys(standIns)).filter((each) => !own.includes(each))
    const head = [
      ...(part.length > 0 ? [`import { ${part.join(', ')} } from 'tripline/${entry}'`] : []),
      ...(own.length > 0 ? [`import { ${own.join(', ')} } from 'tripline'`] : []),
      ...(others.length > 0 ? [`import { ${others.join(', ')} } from '../../test/docs/stand-ins.js'`] : []),
      'export {}',
    ]
    writeFileSync(join(folder, `${name}.ts`), `${head.join('\n')}\n${code}`)
  }
  const options = {
    extends: '../../tsconfig.json',
    // The manual shows JavaScript, too, and does not use all that it declares.
    compilerOptions: {
      noEmit: false,
      outDir: 'out',
      rootDir: '../..',
      noImplicitAny: false,
      noUnusedLocals: false,
      noUnusedParameters: false,
      exactOptionalPropertyTypes: false,
    },
    include: ['*.ts'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options))
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', folder], { cwd: ROOT, encoding: 'utf8' })
  return join(folder, 'out', folder.slice(ROOT.length))
}
