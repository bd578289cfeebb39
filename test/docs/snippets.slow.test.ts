/**
 * The code in the manual and in the API reference: its types are right, it has every name that it uses, it runs, also on a machine
 * without sensors, battery or pressure, and it prints what it claims.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ROOT, runCommand } from '../helpers/child.js'
import { FakeMachine } from '../helpers/fake-machine.js'
import { AROUND } from './around.js'
import { FIGURE, outputOn, partsIn, patternOf, type Measured } from './outputs.js'
import {
  allPages,
  apiExamples,
  claimsOf,
  compile,
  markOf,
  pathOf,
  referenceBlocks,
  snippetsOf,
  type Snippet,
} from './snippets.js'

/** Pages whose code is run by another test: its file, and a word in it. */
const ELSEWHERE: Readonly<Record<string, readonly [file: string, word: string]>> = {
  README: ['docs/newcomer.slow.test.ts', "snippetsOf('README')"],
  bullmq: ['integrations/pages.test.ts', "examplesOf('bullmq')"],
  'recipes-container': ['docs/problems.slow.test.ts', 'container.js'],
  'recipes-download': ['integrations/recipes/programs.test.ts', 'download.js'],
  'recipes-hot-pi': ['integrations/recipes/programs.test.ts', 'hot-pi.js'],
  'recipes-llm-stream': ['integrations/recipes/programs.test.ts', 'llm-stream.js'],
  'recipes-mqtt-fleet': ['integrations/recipes/mqtt.test.ts', 'mqtt-fleet.js'],
  'recipes-overload': ['integrations/http/example.test.ts', 'examples/web/main.js'],
  'recipes-pipeline': ['integrations/recipes/programs.test.ts', 'pipeline.js'],
  'recipes-piscina': ['integrations/recipes/programs.test.ts', 'piscina.js'],
  'recipes-sensor-loop': ['schedule/sensor-loop.test.ts', 'examples/sensor-loop/main.js'],
  'recipes-shutdown': ['integrations/recipes/programs.test.ts', 'shutdown.js'],
  testing: ['docs/testing.test.ts', "pageOf('testing')"],
  web: ['integrations/pages.test.ts', "examplesOf('web')"],
  workers: ['workers/recipes.slow.test.ts', 'docs/workers.md'],
}

/** Code that is only type-checked, with the reason. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'evidence-1': 'its folder belongs to the program',
  'evidence-2': 'its folder belongs to the program',
  'metrics-2': 'it watches a disk that this machine need not have',
  'recipes-last-run-2': 'its folder belongs to the program',
  'reservations-1': 'it runs make, and reserves more than a small machine has',
  'watchdog-2': 'it opens the watchdog device of the machine',
  'api/Cancelable.from': 'it is the code of a worker',
  'api/CancelationError.constructor': 'it throws',
  'api/CancelationToken.share': 'its second half is the code of a worker',
  'api/Limits': 'it is a type',
  'api/allOf': 'it needs a battery',
  'api/cancelJob': 'it needs Redis; test/integrations/pages.test.ts runs the same',
  'api/cancelable': 'it fetches from the Internet',
  'api/every': 'it needs a sensor',
  'api/gracefulShutdown': 'it waits for a signal; test/integrations/http/shutdown.test.ts sends one',
  'api/guard': 'it watches a disk that this machine need not have',
  'api/protectWorker': 'it needs Redis; test/integrations/pages.test.ts runs the same',
  'api/reserve': 'it reserves more than a small machine has',
  'api/run.md-1': 'it runs npm test',
  'api/run': 'it runs make with a sensor',
  'api/workers': 'it needs Redis; test/integrations/pages.test.ts runs the same',
}

/** What TypeScript reports about correct JavaScript, which it does not narrow. */
const LOOSE: Readonly<Record<string, RegExp>> = {
  'recipes-download-1': /TS2345: .*fraction: any/,
  'recipes-overload-1': /TS2339: Property 'port' does not exist on type 'string \| AddressInfo'/,
  'recipes-sensor-loop-1': /TS2362: /,
  'recipes-stuck-loop-2': /TS2769: |TS2339: Property 'port' does not exist on type 'string \| AddressInfo'/,
  'workers-8': /TS2339: Property 'progress' does not exist on type 'Serializable'/,
}

/** Figures in claims that are measured anew in each run, and what they look like. All else has to be the same. */
const MEASURED: Readonly<Record<string, Measured>> = {
  'dashboard-1': { '41217/KVhDIBnhMJ5r/?token=SCLpJQaYV4RA1f7zOX8b1WyA7-kqYrTd': /\d+\/[\w-]{12}\/\?token=[\w-]{32}/ },
  'guards-2': { '48.5': FIGURE },
  'operations-1': { '9': FIGURE },
}

/** Comments at a call of `console` that claim no output, or one that cannot be seen here, with the reason. */
const UNSEEN: Readonly<Record<string, string>> = {
  'blocked-loop-1': 'nothing blocks the loop of the example; start.md has a program that does',
}

/** Snippets whose whole output the page shows below them. */
const SHOWN: Readonly<Record<string, string>> = {
  'recipes-stuck-loop-2': outputOn('docs/recipes/stuck-loop.md', 'Trip lines '),
}

const folder = join(ROOT, '.cache/snippets')
const isRun = ({ name }: Snippet): boolean => !(name in NOT_RUN) && !(name.replace(/-\d+$/, '') in ELSEWHERE)
const manual = allPages().flatMap(snippetsOf)
const examples = [...apiExamples(), ...referenceBlocks()]
const all = [...manual, ...examples]
const named = (list: readonly Snippet[]): [string, Snippet][] => list.filter(isRun).map((each) => [each.name, each])

/** Before a snippet: a program that serves or watches until it is stopped is stopped, and every port is a free one. */
const PRELOAD = `
import { Server } from 'node:net'
const { listen } = Server.prototype
Server.prototype.listen = function (port, ...rest) {
  if (typeof port === 'number') return listen.call(this, 0, ...rest)
  return listen.call(this, typeof port === 'object' && port?.port ? { ...port, port: 0 } : port, ...rest)
}
setTimeout(() => process.exit(), 2000).unref()
`

describe('the code in the manual', () => {
  let compiled: string
  let errors: string[]
  beforeAll(() => {
    const done = compile(folder, all)
    compiled = done.compiled
    errors = done.errors
    // What examples read from their folder.
    writeFileSync(join(folder, 'job.js'), '')
    for (const name of ['incident', 'monday']) {
      const values = [50, 95, 96, 60].map((memory, second) => ({
        at: new Date(second * 6000).toISOString(),
        metrics: { memory },
        limits: [],
        unavailable: {},
      }))
      writeFileSync(join(folder, `${name}.ndjson`), values.map((each) => `${JSON.stringify(each)}\n`).join(''))
    }
  }, 60_000)

  it('is found', () => {
    expect(manual.length).toBeGreaterThan(100)
    expect(examples.length).toBeGreaterThan(55)
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
    // Whatever the block looks like, and on whatever page it is. The reference consists of types, beside the examples.
    const listed = execFileSync('git', ['ls-files', '-z', '*.md', ':!docs/api'], { cwd: ROOT, encoding: 'utf8' })
    const pages = listed.split('\0').filter((each) => each !== '')
    const text = pages.map((each) => readFileSync(join(ROOT, each), 'utf8')).join('\n')
    expect(text.match(/^[ \t]*(?:```|~~~)[ \t]*(?:[cm]?[jt]sx?|javascript|typescript|node)\b/gim)).toHaveLength(
      manual.length + referenceBlocks().length,
    )
  })

  it('has right types, and declares every name that is not listed', () => {
    expect(errors.filter((each) => !Object.keys(LOOSE).some((name) => isLoose(name, each)))).toEqual([])
  })

  it.each(Object.entries({ AROUND, ELSEWHERE, LOOSE, MEASURED, NOT_RUN, SHOWN, UNSEEN }))(
    'needs every line of %s',
    (_, list) => {
      const names = new Set(all.flatMap(({ name }) => [name, name.replace(/-\d+$/, '')]))
      expect(Object.keys(list).filter((each) => !names.has(each))).toEqual([])
    },
  )

  it('needs every name and every figure that is listed', () => {
    for (const { name, code } of all) {
      expect(
        namesOf(name).filter((each) => !new RegExp(`\\b${each}\\b`).test(code.replaceAll(/^\/\/.*$/gm, ''))),
        name,
      ).toEqual([])
      expect(
        Object.keys(MEASURED[name] ?? {}).filter((each) => !code.includes(each)),
        name,
      ).toEqual([])
    }
    for (const [name, pattern] of Object.entries(LOOSE)) {
      expect(
        errors.some((each) => each.includes(`/${name}.js(`) && pattern.test(each)),
        name,
      ).toBe(true)
    }
  })

  it.each(manual.filter(({ name }) => name in AROUND).map((each) => [each.name, each] as const))(
    'says in %s which names are those of the program around it',
    (_, { name, code }) => {
      const said = code
        .split('\n')
        .filter((line) => /^\/\/ .*your program's/.test(line))
        .join()
      expect(namesOf(name).filter((each) => !said.includes(`\`${each}\``))).toEqual([])
    },
  )

  it.each(Object.entries(ELSEWHERE))('of %s is run by another test', (_, [file, word]) => {
    expect(readFileSync(join(ROOT, 'test', file), 'utf8')).toContain(word)
  })

  /** Runs a snippet to its end. */
  async function runs(snippet: Snippet, env: NodeJS.ProcessEnv): Promise<void> {
    const preload = `data:text/javascript,${encodeURIComponent(PRELOAD)}`
    const args = ['--no-warnings', '--import', preload, pathOf(compiled, snippet)]
    const { code, signal, stdout, stderr } = await runCommand(process.execPath, args, { env, cwd: folder })
    expect({ code, signal, stderr: stderr.replaceAll(/^<\d+> .*\n/gm, '') }).toEqual({
      code: 0,
      signal: null,
      stderr: '',
    })
    if (snippet.name in SHOWN) expect(stdout.replaceAll(/^<\d+> /gm, '')).toBe(SHOWN[snippet.name])
    if (!(snippet.name in UNSEEN)) expect(falseClaims(snippet, stdout + stderr)).toEqual([])
  }

  it.concurrent.each(named(manual))('%s runs', (_, snippet) => runs(snippet, process.env))
  it.concurrent.each(named(examples))('%s runs', (_, snippet) => runs(snippet, process.env))

  describe('on a machine that has little', () => {
    const env = { ...process.env }
    let machine: FakeMachine
    beforeAll(() => {
      machine = new FakeMachine()
      env['HOST_PROC'] = process.env['HOST_PROC']
      env['HOST_SYS'] = process.env['HOST_SYS']
      return () => machine[Symbol.dispose]()
    })

    it.concurrent.each(named(manual))('%s runs', (_, snippet) => runs(snippet, env))
  })
})

/** The claims of a snippet that its output does not meet. */
function falseClaims(snippet: Snippet, output: string): string[] {
  return claimsOf(snippet).flatMap(({ line, text }) => {
    const pattern = patternOf(text, partsIn(text, MEASURED[snippet.name]))
    const mark = `${markOf(line)} `
    const printed = output.split('\n').filter((each) => each.startsWith(mark))
    const isMet = printed.length > 0 && printed.every((each) => pattern.test(each.slice(mark.length)))
    return isMet ? [] : [`${text}, but it prints: ${printed.join(', ')}`]
  })
}

/** The names that a snippet uses of those that are listed for it. */
function namesOf(name: string): string[] {
  return (AROUND[name] ?? []).map((each) => / as (\w+)$/.exec(each)?.[1] ?? each.replace('type ', ''))
}

const isLoose = (name: string, error: string): boolean => error.includes(`/${name}.js(`) && LOOSE[name]!.test(error)

const made = (code: string, more: Partial<Snippet> = {}): Snippet => ({ name: 'made-1', language: 'ts', code, ...more })
const errorsOf = (each: Snippet): string[] => compile(join(ROOT, '.cache/snippets-made'), [each]).errors

describe('the checks', () => {
  it('find a misspelled export, and a name that nothing declares', () => {
    expect(errorsOf(made('guardd({ memory: 90 })\n', { entry: 'index' }))).toEqual([
      expect.stringContaining("'guardd'"),
    ])
    expect(errorsOf(made('capabilitys()\n', { entry: 'index' }))).toEqual([expect.stringContaining("'capabilitys'")])
    expect(errorsOf(made("import { guard } from 'tripline'\nguard({ memory: limit })\n", { language: 'js' }))).toEqual([
      expect.stringContaining("'limit'"),
    ])
    expect(errorsOf(made("import { guard } from 'tripline'\nguard({ memroy: 90 })\n"))).toHaveLength(1)
    const old = "const { underPresure } = require('tripline/fastify')\n"
    expect(errorsOf(made(old, { language: 'js' }))).toEqual([expect.stringContaining("'underPresure'")])
  })

  it('find an output that is not printed, or another one', () => {
    const snippet = made(
      "console.log(1 + 1) // 3\nconsole.warn('so')\n// so\nif (false) console.log('never') // never\n",
    )
    expect(claimsOf(snippet)).toEqual([
      { line: 1, text: '3' },
      { line: 2, text: 'so' },
      { line: 4, text: 'never' },
    ])
    expect(falseClaims(snippet, '<1> 2\n<2> so\n')).toEqual(['3, but it prints: <1> 2', 'never, but it prints: '])
    expect(falseClaims(made('console.log(1) // 1\n'), '<1> 1\n<1> 11\n')).toHaveLength(1)
    const measured = made('console.log(describeBreach(breach)) // process.rss 48.5MB > 1.00MB\n', { name: 'guards-2' })
    expect(falseClaims(measured, '<1> process.rss 61.4MB > 1.00MB\n')).toEqual([])
    expect(falseClaims(measured, '<1> process.rss 61.4MB > 2.00MB\n')).toHaveLength(1)
  })
})
