/** The code in the manual, completed to modules that can be type-checked and run, and the outputs that it claims. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { ROOT } from '../helpers/child.js'
import { AROUND } from './around.js'

export interface Snippet {
  /** `ticker-1`: the page and the number of the block. `api/Cancelable.run`: what the example belongs to. */
  readonly name: string
  readonly language: 'ts' | 'js'
  readonly code: string
  /** The entry point whose exports an example of the API reference uses beside those of the main one. */
  readonly entry?: string
}

/** What a snippet says that one of its calls of `console` prints. */
export interface Claim {
  /** The number of the line with the call. */
  readonly line: number
  readonly text: string
}

/** The blocks of a page in TypeScript or JavaScript. @param page `ticker`, `recipes/ci` */
export function snippetsOf(page: string): Snippet[] {
  return blocksOf(page === 'README' ? 'README.md' : `docs/${page}.md`, page.replace('/', '-'))
}

function blocksOf(file: string, name: string): Snippet[] {
  const blocks = [...readFileSync(join(ROOT, file), 'utf8').matchAll(/^```(ts|js)\n([^]*?)^```$/gm)]
  return blocks.map(([, language, code], index) => {
    return { name: `${name}-${index + 1}`, language: language as 'ts' | 'js', code: code! }
  })
}

/** All pages with code, but those of the API reference. */
export function allPages(): string[] {
  return ['README', ...pagesIn('').filter((each) => each !== 'README'), ...pagesIn('recipes')]
}

function pagesIn(folder: string): string[] {
  const files = readdirSync(join(ROOT, 'docs', folder)).filter((each) => each.endsWith('.md'))
  return files.map((each) => join(folder, each.slice(0, -'.md'.length)))
}

/** The examples in the doc comments of all entry points, which are those of the API reference. */
export function apiExamples(): Snippet[] {
  const files = readdirSync(join(ROOT, 'dist')).filter((each) => each.endsWith('.d.cts'))
  const names = new Map<string, number>()
  return files.flatMap((file) => {
    const entry = file.slice(0, -'.d.cts'.length)
    const text = typesOf(entry)
    return Array.from(text.matchAll(/@example\s*\n([^]*?)(?=\n\s*\* @\w|\*\/)/g), ({ 1: lines, index }) => {
      const owner = ownerOf(text, index)
      const count = (names.get(owner) ?? 0) + 1
      names.set(owner, count)
      const code = lines!.replaceAll(/^\s*\* ?/gm, '').replaceAll(/```\w*\n?/g, '')
      return { name: `api/${owner}${count > 1 ? `-${count}` : ''}`, language: 'ts', code: `${code.trimEnd()}\n`, entry }
    })
  })
}

/** The blocks in the text of the API reference. */
export function referenceBlocks(): Snippet[] {
  const folder = 'scripts/api/pages'
  return readdirSync(join(ROOT, folder)).flatMap((page) =>
    blocksOf(`${folder}/${page}`, `api/${page}`).map((each) => Object.assign(each, { entry: 'index' })),
  )
}

const typesOf = (entry: string): string => readFileSync(join(ROOT, `dist/${entry}.d.cts`), 'utf8')

/** What the doc comment at a place of a file of types belongs to: `guard`, `Cancelable.run`. */
function ownerOf(text: string, at: number): string {
  const end = text.indexOf('*/', at) + '*/'.length
  const [, indent, name] =
    /^\s*?\n( *)(?:(?:export|declare|static|readonly|get|async|abstract|function|class|interface|type|const) )*(\w+)/.exec(
      text.slice(end),
    )!
  if (indent === '') return name!
  const owners = [...text.slice(0, at).matchAll(/^(?:export |declare |abstract )*(?:class|interface) (\w+)/gm)]
  return `${owners.at(-1)![1]}.${name}`
}

const exportsOf = (entry: string): string[] =>
  Object.keys(createRequire(import.meta.url)(join(ROOT, `dist/${entry}.cjs`)) as object)

/** Imports of the names that an example of the API reference may use as they are: the exports of its entry points. */
function implicitImports({ code, entry }: Snippet): string[] {
  if (entry === undefined) return []
  const text = code.replaceAll(/\/\/.*$/gm, '').replaceAll(/'[^'\n]*'/g, "''")
  const isUsed = (name: string): boolean =>
    new RegExp(`(?<![.\\w$])${name}\\b(?!\\s*:)`).test(text) &&
    !new RegExp(`import [^;]*?\\b${name}\\b[^;]*? from|const ${name}\\b`).test(text)
  const all = typesOf('index')
  const own = entry === 'index' ? [] : exportsOf(entry).filter(isUsed)
  const main = exportsOf('index').filter((each) => isUsed(each) && !own.includes(each))
  const types = Array.from(text.matchAll(/: ([A-Z]\w+)\b/g), ([, name]) => name!).filter((each) =>
    new RegExp(`(?:interface|type) ${each}\\b`).test(all),
  )
  return [importOf(own, `tripline/${entry}`), importOf([...main, ...types.map((each) => `type ${each}`)], 'tripline')]
}

const packages = readFileSync(join(ROOT, 'test/docs/stand-ins-packages.ts'), 'utf8')

/** Imports of the names of the program around a snippet. */
function aroundImports({ name }: Snippet): string[] {
  const names = AROUND[name] ?? []
  const ofPackages = names.filter((each) => {
    const [exported] = each.replace('type ', '').split(' ')
    return new RegExp(`^export [^=:]*\\b${exported}\\b`, 'm').test(packages)
  })
  const others = names.filter((each) => !ofPackages.includes(each))
  return [importOf(ofPackages, `${HERE}/stand-ins-packages.js`), importOf(others, `${HERE}/stand-ins.js`)]
}

/** This folder, as the modules of the snippets see it. */
const HERE = '../../../test/docs'

function importOf(names: readonly string[], from: string): string {
  return names.length === 0 ? '' : `import { ${names.join(', ')} } from '${from}'; `
}

const CONSOLE = /\bconsole\.(?:log|warn|error|info)\(/

/** The outputs that a snippet claims: a comment behind a call of `console`, or a line of comment below it. */
export function claimsOf({ code }: Snippet): Claim[] {
  const lines = code.split('\n')
  return lines.flatMap((line, index) => {
    if (!CONSOLE.test(line)) return []
    const behind = / \/\/ (.*)$/.exec(line)?.[1]
    const text = behind ?? /^\s*\/\/ (.*)$/.exec(lines[index + 1] ?? '')?.[1]
    return text === undefined ? [] : [{ line: index + 1, text }]
  })
}

/** What is printed before the output of the calls of `console` in a line. */
export const markOf = (line: number): string => `<${line}>`

/** The code, which prints a mark before each output. */
function marked(code: string): string {
  const lines = code.split('\n').map((line, index) => {
    return line.replaceAll(new RegExp(CONSOLE, 'g'), (call) => `${call}'${markOf(index + 1)}', `)
  })
  return lines.join('\n')
}

/** JavaScript is checked for what is surely wrong only. */
const OPTIONS = {
  ts: {},
  js: { strict: false, allowJs: true, checkJs: true, noImplicitReturns: false },
}

/**
 * Writes the snippets as modules and checks their types.
 *
 * @param folder a folder of this checkout, which may import itself by its name
 * @returns the folder with the compiled modules, and what tsc reports
 */
export function compile(folder: string, snippets: readonly Snippet[]): { compiled: string; errors: string[] } {
  rmSync(folder, { recursive: true, force: true })
  const errors: string[] = []
  for (const language of ['ts', 'js'] as const) {
    const part = snippets.filter((each) => each.language === language)
    if (part.length === 0) continue
    mkdirSync(join(folder, language), { recursive: true })
    for (const each of part) {
      // In one line, so that the numbers of the others stay: the module begins with line 2.
      const head = `${[...implicitImports(each), ...aroundImports(each)].join('')}${isCommonJs(each) ? '' : 'export {}'}`
      writeFileSync(
        join(folder, language, `${fileOf(each)}.${prefixOf(each)}${language}`),
        `${head}\n${marked(each.code)}`,
      )
    }
    const options = {
      extends: '../../../tsconfig.json',
      compilerOptions: {
        ...OPTIONS[language],
        noEmit: false,
        outDir: '../out',
        rootDir: '../../..',
        lib: ['es2023', 'esnext.disposable', 'esnext.decorators'],
        noImplicitAny: false,
        noUncheckedIndexedAccess: false,
        // The manual does not use all that it declares.
        noUnusedLocals: false,
        noUnusedParameters: false,
        exactOptionalPropertyTypes: false,
      },
      include: [`*.${language}`, `*.c${language}`],
    }
    writeFileSync(join(folder, language, 'tsconfig.json'), JSON.stringify(options))
    for (const [, module] of part
      .map(({ code }) => code)
      .join('\n')
      .matchAll(/ from '\.\/([\w-]+\.js)'/g)) {
      // A part of the program that its recipe describes.
      const file = join(ROOT, 'examples/sensor-loop', module!)
      if (existsSync(file)) copyFileSync(file, join(folder, language, module!))
    }
    const tsc = join(ROOT, 'node_modules/.bin/tsc')
    const { status, stdout } = spawnSync(tsc, ['-p', join(folder, language)], { cwd: ROOT, encoding: 'utf8' })
    const found = stdout.split('\n').filter((line) => line !== '' && !line.startsWith(' '))
    errors.push(...found, ...(found.length === 0 && status !== 0 ? ['tsc failed'] : []))
  }
  return { compiled: join(folder, 'out', folder.slice(ROOT.length)), errors }
}

const isCommonJs = ({ code }: Snippet): boolean => /\brequire\(/.test(code)
const prefixOf = (snippet: Snippet): string => (isCommonJs(snippet) ? 'c' : '')

/** The name of a file without its extension, different also where systems ignore the case. */
function fileOf({ name }: Snippet): string {
  return name.replaceAll('/', '-').replaceAll(/[A-Z]/g, (letter) => `_${letter}`)
}

/** The path of a compiled snippet. */
export function pathOf(compiled: string, snippet: Snippet): string {
  return join(compiled, snippet.language, `${fileOf(snippet)}.${prefixOf(snippet)}js`)
}
