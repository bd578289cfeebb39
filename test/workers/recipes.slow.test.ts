/** The examples of docs/workers.md are whole programs, and run, with the real libraries. */
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { runCommand } from '../helpers/child.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(`${root}docs/workers.md`, 'utf8')

/** Writes the files of a section of the page, and returns their folder. */
function filesOf(heading: string): string {
  const section = page.split(/^## /m).find((each) => each.startsWith(`${heading}\n`))!
  // Inside the package, so that its own name can be imported.
  const folder = `${root}.cache/docs-workers/${heading.replaceAll(' ', '-')}`
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [, name, code] of section.matchAll(/^```js\n\/\/ (\S+)\n([^]*?)^```$/gm)) {
    writeFileSync(`${folder}/${name!}`, code!)
  }
  return folder
}

describe('docs/workers.md', () => {
  it.for([
    ['A thread per job', '2 3 5 7 11 13 17 19 23 29\n'],
    ['Threads of your own', 'crunching\nenough true\n'],
    ['Piscina', '10 rounds\nTimeoutError\nTimeoutError\n20 rounds\n'],
    ['poolifier', '10 rounds\nTimeoutError\n20 rounds\n'],
    ['Child processes', 'step 1\nstep 2\nParentCancelation\nParentCancelation\n'],
  ] as const)('%s', { timeout: 60_000 }, async ([heading, output]) => {
    const { code, stdout, stderr } = await runCommand(process.execPath, [`${filesOf(heading)}/main.mjs`], {
      limit: 50_000,
    })
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: output, stderr: '' })
  })
})

/** BullMQ's own pool of children and its sandbox, without the queue in Redis. */
interface BullMQ {
  ChildPool: new (options: object) => { clean(): Promise<void> }
}
type Sandbox = (
  file: URL | string,
  pool: unknown,
) => (job: unknown, token: string, signal: AbortSignal) => Promise<unknown>

describe("docs/workers.md, BullMQ's sandbox", () => {
  const load = createRequire(import.meta.url)
  const { ChildPool } = load('bullmq') as BullMQ
  const { default: sandbox } = load('bullmq/dist/cjs/classes/sandbox.js') as { default: Sandbox }
  const processor = pathToFileURL(`${filesOf('BullMQ')}/processor.mjs`)

  /** What BullMQ's worker does for a job. */
  async function work(
    useWorkerThreads: boolean,
    steps: number,
    signal: AbortSignal,
    seen: (progress: unknown) => void,
  ) {
    const pool = new ChildPool({
      mainFile: load.resolve(`bullmq/dist/cjs/classes/${useWorkerThreads ? 'main-worker' : 'main'}.js`),
      useWorkerThreads,
    })
    const job = {
      asJSONSandbox: () => ({
        id: '1',
        name: 'import',
        data: JSON.stringify({ steps }),
        opts: {},
        queueQualifiedName: 'bull:imports',
      }),
      updateProgress: (progress: unknown) => Promise.resolve(seen(progress)),
    }
    try {
      return await sandbox(processor.href, pool)(job, 'token', signal)
    } finally {
      await pool.clean()
    }
  }

  it.for([false, true])('in a thread: %s', { timeout: 60_000 }, async (threads) => {
    const progress: unknown[] = []
    expect(await work(threads, 2, new AbortController().signal, (each) => progress.push(each))).toBe('done')
    expect(progress).toEqual([{ message: 'step 1' }, { message: 'step 2' }])
    const canceling = new AbortController()
    const failed = await work(threads, 1e9, canceling.signal, () => canceling.abort('no longer needed')).catch(
      (error: unknown) => error,
    )
    expect(failed).toMatchObject({ message: 'Aborted: no longer needed' })
    if (!canceling.signal.aborted) await once(canceling.signal, 'abort')
  })
})
