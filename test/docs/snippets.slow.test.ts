/** The code in the manual: its types are right, and it runs, also on a machine without sensors, battery or pressure. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ROOT, runCommand } from '../helpers/child.js'
import { FakeMachine } from '../helpers/fake-machine.js'
import { apiExamples, compile, snippetsOf, typeErrors } from './snippets.js'

/** Pages whose code has tests of its own, which run all of it. */
const ELSEWHERE = new Set([
  'bullmq',
  'clocks-and-context',
  'coming-from-under-pressure',
  'dashboard',
  'limiter',
  'metrics-export',
  'node-red',
  'registry',
  'testing',
  'web',
  'workers',
])

/** Code that is only type-checked, with the reason. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'evidence-1': 'its folder belongs to the program',
  'evidence-2': 'its folder belongs to the program',
  'metrics-2': 'it watches a disk that this machine need not have',
  'reservations-1': 'it runs make, and reserves more than a small machine has',
  'watchdog-2': 'it opens the watchdog device of the machine',
}

const folder = join(ROOT, '.cache/snippets')
const pages = readdirSync(join(ROOT, 'docs'))
  .filter((each) => each.endsWith('.md'))
  .map((each) => each.slice(0, -3))
  .filter((each) => !ELSEWHERE.has(each))
const snippets = pages.flatMap(snippetsOf)
const runnable = snippets.filter(({ name }) => !(name in NOT_RUN)).map(({ name }) => name)

describe('the code in the manual', () => {
  let compiled: string
  beforeAll(() => {
    try {
      compiled = compile(folder, snippets)
    } catch (error) {
      // What tsc has found.
      throw new Error((error as { stdout: string }).stdout, { cause: error })
    }
  })

  it('is found', () => {
    expect(snippets.length).toBeGreaterThan(35)
    expect(Object.keys(NOT_RUN).filter((each) => !snippets.some(({ name }) => name === each))).toEqual([])
  })

  /** Runs a snippet to its end. One that serves or watches until it is stopped is stopped. */
  async function runs(name: string, env: NodeJS.ProcessEnv): Promise<void> {
    const preload = `data:text/javascript,setTimeout(()=>process.exit(),2000).unref()`
    const args = ['--import', preload, join(compiled, `${name}.js`)]
    const { code, signal, stderr } = await runCommand(process.execPath, args, { env, cwd: folder })
    expect({ code, signal, stderr: withoutOutput(stderr) }).toEqual({ code: 0, signal: null, stderr: '' })
  }

  it.concurrent.each(runnable)('%s runs', (name) => runs(name, process.env))

  describe('on a machine that has little', () => {
    const env = { ...process.env }
    let machine: FakeMachine
    beforeAll(() => {
      machine = new FakeMachine()
      env['HOST_PROC'] = process.env['HOST_PROC']
      env['HOST_SYS'] = process.env['HOST_SYS']
      return () => machine[Symbol.dispose]()
    })

    it.concurrent.each(runnable)('%s runs', (name) => runs(name, env))
  })
})

/** What a snippet itself writes to stderr is no error. */
function withoutOutput(text: string): string {
  return text.replaceAll(/^(?:memory|disk\.free|process\.rss|eventLoop\.delay|all clear|enough again).*\n/gm, '')
}

it('pages with tests of their own exist', () => {
  for (const page of ELSEWHERE) expect(readFileSync(join(ROOT, `docs/${page}.md`), 'utf8')).not.toBe('')
})

it('the examples of the API reference have right types', () => {
  const examples = apiExamples()
  expect(examples.length).toBeGreaterThan(50)
  expect(typeErrors(join(ROOT, '.cache/api-examples'), examples)).toEqual([])
})
