/** The code in the manual, completed to modules that can be type-checked and run. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as library from '../../src/index.js'
import { ROOT } from '../helpers/child.js'
import * as standIns from './stand-ins.js'

export interface Snippet {
  /** `ticker-1`: the page and the number of the block. */
  readonly name: string
  readonly code: string
}

/** The blocks of a page in TypeScript or JavaScript. */
export function snippetsOf(page: string): Snippet[] {
  const text = readFileSync(join(ROOT, `docs/${page}.md`), 'utf8')
  const blocks = [...text.matchAll(/^```(?:ts|js)\n([^]*?)^```$/gm)]
  return blocks.map(([, code], index) => ({ name: `${page}-${index + 1}`, code: code! }))
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

/** Writes the snippets as modules, checks their types, and returns the folder with the compiled modules. */
export function compile(folder: string, snippets: readonly Snippet[]): string {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const { name, code } of snippets) {
    const own = missing(code, Object.keys(library))
    const others = missing(code, Object.keys(standIns)).filter((each) => !own.includes(each))
    const head = [
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
