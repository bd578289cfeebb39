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
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, [...flags, '-e', program], {
    encoding: 'utf8',
    cwd,
    timeout: 100_000,
    killSignal: 'SIGKILL',
  })
  const lines = stdout.split('\n').filter((line) => line !== '' && !/^ *\d+: |^[<[]|^-----/.test(line))
  // How a process died that should have lived is in what V8 has printed.
  return [signal === null ? lines : [...lines, signal, stderr], status]
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

test('the limit is put back, with no other collection of garbage', () => {
  const body = `
    const { getHeapStatistics } = require('node:v8')
    const limit = () => getHeapStatistics().heap_size_limit
    const before = limit()
    const resources = guard({ heap: 90 })
    await Cancelable.run((cancel) => cancel.preemptible(() => fill([])), { resources }).catch(() => {})
    const within = limit()
    while (limit() > before) await later(20)
    console.log(within > before, limit() === before)
    await cleared(resources)
    await Cancelable.run((cancel) => cancel.preemptible(() => fill([])), { resources }).catch(() => {})
    const again = limit()
    resources.close()
    console.log(again > before, limit() === before)`
  expect(run(body)).toEqual([['true true', 'true true'], 0])
})

test('the heap is a share of the usual limit while code has not let go', () => {
  const body = `
    const { getHeapStatistics } = require('node:v8')
    const before = getHeapStatistics().heap_size_limit
    let keep = []
    const resources = guard({ heap: { above: 75, clear: 70 } })
    await Cancelable.run((cancel) => {
      while (!cancel.isCanceled) for (let i = 0; i < 10; i++) keep.push(Array(1000).fill(i))
      cancel.throwIfCanceled()
    }, { resources }).catch((e) => console.log(e.reason.kind))
    // 80 % of the usual limit, and half of the raised one.
    while (process.memoryUsage().heapUsed < 0.8 * before) keep.push(Array(1000).fill(1))
    await later(1000)
    console.log(resources.isBreached, getHeapStatistics().heap_size_limit > before)
    keep = undefined
    await cleared(resources)
    console.log(getHeapStatistics().heap_size_limit === before)
    resources.close()`
  expect(run(body)).toEqual([['resource', 'true true', 'true'], 0])
})

test.runIf(process.platform === 'linux')('a region is ended at once, although other threads come too late', () => {
  // The sampling thread runs only when nothing else wants the processor.
  const body = `
    const { execFileSync } = require('node:child_process')
    const { readdirSync, readFileSync } = require('node:fs')
    const resources = guard({ heap: 90 })
    execFileSync('taskset', ['-apc', '0', String(process.pid)])
    const tasks = readdirSync('/proc/self/task')
    const sampling = tasks.filter((task) => readFileSync('/proc/self/task/' + task + '/comm', 'utf8').startsWith('tripline'))
    for (const task of sampling) execFileSync('chrt', ['-i', '-p', '0', task])
    await Cancelable.run((cancel) => cancel.preemptible(() => fill([])), { resources }).catch((e) => console.log(said(e)))
    console.log(sampling.length, process.memoryUsage().heapUsed < 96e6)
    resources.close()`
  expect(run(body)).toEqual([[BREACHED, '1 true'], 0])
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
