/** The end of V8's heap as an ordinary breach: in the main thread of a process of its own, and in workers. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { capabilities } from '../../src/index.js'

// Each fills a heap, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 200_000 })

const LIBRARY = JSON.stringify(new URL('../../dist/index.cjs', import.meta.url).pathname)

/** Fills the heap with a few large objects, so that collecting garbage takes little time. */
const FILL = `(keep) => { for (;;) keep.push(Array(1000).fill(keep.length)) }`

const PROGRAM = `
const { Cancelable, guard } = require(${LIBRARY})
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const fill = ${FILL}
const cleared = async (guarded) => { while (guarded.isBreached) await later(20) }
const said = (error) => {
  const { kind, breach } = error.reason
  return [kind, breach.metric, breach.value, breach.limit, breach.origin].join(' ')
}
`

const BREACHED = 'resource heap 100 90 v8::Isolate::AddNearHeapLimitCallback()'

function run(
  body: string,
  flags: readonly string[] = ['--max-old-space-size=64'],
  cwd?: string,
): [string[], number | null] {
  const program = `${PROGRAM};(async () => { ${body} })()`
  const { stdout, status } = spawnSync(process.execPath, [...flags, '-e', program], {
    encoding: 'utf8',
    cwd,
    timeout: 100_000,
    killSignal: 'SIGKILL',
  })
  return [stdout.split('\n').filter((line) => line !== '' && !/^ *\d+: |^[<[]|^-----/.test(line)), status]
}

/** The same in a worker with a small heap. The main thread has no limit. */
function runInThread(body: string): [string[], number | null] {
  const worker = `${PROGRAM};(async () => { ${body} })()`
  return run(
    `const { Worker } = require('node:worker_threads')
     const worker = new Worker(${JSON.stringify(worker)}, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 48 } })
     worker.on('error', (error) => console.log(error.code))
     worker.on('exit', (code) => console.log('exit', code))`,
    [],
  )
}

const FIVE_TIMES = `
  const resources = guard({ heap: 90 })
  for (let i = 0; i < 5; i++) {
    await Cancelable.run((cancel) => cancel.preemptible(() => fill([])), { resources }).catch((e) => console.log(said(e)))
    await cleared(resources)
  }
  resources.close()
  console.log('alive')`

test('a region that fills it is ended five times in a row', () => {
  expect(run(FIVE_TIMES)).toEqual([[...Array<string>(5).fill(BREACHED), 'alive'], 0])
})

test('in a worker with a limit of its own, too', () => {
  expect(runInThread(FIVE_TIMES)).toEqual([[...Array<string>(5).fill(BREACHED), 'alive', 'exit 0'], 0])
})

test('code that looks, or that awaits, lets go and lives, whatever the dwell of the limit', () => {
  const body = `
    const resources = guard({ heap: { above: 90, for: '1h' } })
    await Cancelable.run((cancel) => {
      let keep = []
      while (!cancel.isCanceled) for (let i = 0; i < 10; i++) keep.push(Array(1000).fill(i))
      keep = undefined
      cancel.throwIfCanceled()
    }, { resources }).catch((e) => console.log(said(e)))
    await cleared(resources)
    await Cancelable.run(async (cancel) => {
      let keep = []
      cancel.onCancel(() => { keep = undefined })
      while (keep !== undefined) {
        for (let i = 0; i < 10; i++) keep.push(Array(1000).fill(i))
        await new Promise(setImmediate)
      }
      cancel.throwIfCanceled()
    }, { resources }).catch((e) => console.log(said(e)))
    await cleared(resources)
    resources.close()
    console.log('alive')`
  expect(run(body)).toEqual([[BREACHED, BREACHED, 'alive'], 0])
})

test('the limit is put back', () => {
  const body = `
    const { getHeapStatistics } = require('node:v8')
    const before = getHeapStatistics().heap_size_limit
    const resources = guard({ heap: 90 })
    await Cancelable.run((cancel) => cancel.preemptible(() => fill([])), { resources }).catch(() => {})
    const within = getHeapStatistics().heap_size_limit
    gc()
    await cleared(resources)
    console.log(within > before, getHeapStatistics().heap_size_limit === before)
    resources.close()`
  expect(run(body, ['--max-old-space-size=64', '--expose-gc'])).toEqual([['true true'], 0])
})

test('code that does not let go uses up its room: a process dies as without a guard, and of a worker only that', () => {
  const body = `guard({ heap: 90 }); fill([])`
  const [, status] = run(body)
  expect(status).not.toBe(0)
  expect(runInThread(body)).toEqual([['ERR_WORKER_OUT_OF_MEMORY', 'exit 1'], 0])
})

test('no room is given where no limit is crossed, nor after the guard was closed', () => {
  const far = `guard({ 'heap.used': '1TB' }); fill([])`
  expect(runInThread(far)).toEqual([['ERR_WORKER_OUT_OF_MEMORY', 'exit 1'], 0])
  expect(runInThread(`guard({ heap: 90 }).close(); fill([])`)).toEqual([['ERR_WORKER_OUT_OF_MEMORY', 'exit 1'], 0])
})

test('the snapshot of --heapsnapshot-near-heap-limit is written when the room is used up', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tripline-heap-'))
  try {
    const body = `
      const resources = guard({ heap: 90 })
      await Cancelable.run((cancel) => cancel.preemptible(() => fill([])), { resources }).catch((e) => console.log(said(e)))
      await cleared(resources)
      fill([])`
    const flags = ['--max-old-space-size=64', '--heapsnapshot-near-heap-limit=1']
    const [lines, status] = run(body, flags, folder)
    expect(lines[0]).toBe(BREACHED)
    expect(status).not.toBe(0)
    expect(readdirSync(folder).filter((name) => name.endsWith('.heapsnapshot'))).toHaveLength(1)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('capabilities() says that V8 reports it', () => {
  const heap = capabilities().find(({ metric }) => metric === 'heap')
  expect(heap).toMatchObject({ available: true, push: true, pushWhy: '' })
})
