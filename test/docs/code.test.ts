/** The code on the pages of the integrations and recipes compiles as it is, with the published types. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT } from '../helpers/child.js'

const PAGES = ['web', 'limiter', 'metrics-export', 'bullmq', 'coming-from-under-pressure', 'node-red']
const recipes = readdirSync(join(ROOT, 'docs/recipes')).filter((each) => each.endsWith('.md'))
const pages = [...PAGES.map((each) => `${each}.md`), ...recipes.map((each) => `recipes/${each}`)]

/** What the examples take from the program around them. */
const AROUND = `
interface Around { signal: AbortSignal | undefined }
declare function render(what: unknown, options: Around): Promise<string>
declare function report(id: string, options: Around): Promise<object>
declare function load(query: unknown, options: Around): Promise<unknown[]>
declare function ping(signal: AbortSignal): Promise<boolean>
declare const connection: import('bullmq').ConnectionOptions
declare const queue: import('bullmq').Queue
declare const job: import('bullmq').Job
declare const server: import('node:http').Server
declare const app: import('fastify').FastifyInstance
declare const protectFastify: typeof import('tripline/fastify').protectFastify
`

// The programs of recipes are JavaScript, which is checked for what is surely wrong only.
const OPTIONS = {
  strict: true,
  noEmit: true,
  module: 'nodenext',
  target: 'es2023',
  lib: ['es2023', 'esnext.disposable', 'dom'],
  types: ['node'],
  skipLibCheck: true,
  allowJs: true,
  checkJs: false,
}

it('compiles', () => {
  // Inside the package, which may import itself by its name.
  const folder = join(ROOT, '.cache/docs-code')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  let count = 0
  for (const page of pages) {
    const text = readFileSync(join(ROOT, 'docs', page), 'utf8')
    for (const [, language, code] of text.matchAll(/^```(ts|js)\n([^]*?)^```$/gm)) {
      const name = `${page.replaceAll(/[/.]/g, '-')}-${++count}`
      writeFileSync(join(folder, `${name}.${language}`), `${code}\nexport {}\n`)
    }
  }
  // Neither is a pattern that finds nothing a success.
  expect(count).toBeGreaterThan(20)
  writeFileSync(join(folder, 'around.d.ts'), AROUND)
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: OPTIONS, include: ['.'] }))
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  expect(spawnSync(tsc, ['-p', folder], { encoding: 'utf8' }).stdout).toBe('')
})
