// Run by Node in the matrix, in a project with tripline installed: calls that never look are ended, thousands of them, and
// thousands more meet their orders as they end; the heap is exhausted ten times in the main thread and in a worker; all works
// as before afterwards. Other runtimes only say why they cannot. Prints one line of JSON.
import { spawnSync } from 'node:child_process'
import { Console } from 'node:console'
import { AsyncLocalStorage, AsyncResource, executionAsyncId } from 'node:async_hooks'
import { EventEmitter, once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { Writable } from 'node:stream'
import { setTimeout as later } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { getHeapStatistics } from 'node:v8'
import { createContext, runInContext, runInThisContext } from 'node:vm'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Cancelable, CancelationError, CancelationToken, guard, preemption } from 'tripline'

const file = fileURLToPath(import.meta.url)
const steps = []
const expect = (what, condition) => {
  if (!condition) throw new Error(`${what}: no`)
  steps.push(what)
}
const endOf = (fn, options = { timeout: 20 }) =>
  Cancelable.run((cancel) => cancel.preemptible(() => fn(cancel)), options).then(
    () => 'returned',
    (error) => (error instanceof CancelationError ? error.reason.kind : String(error)),
  )

// (module (func (export "loop") (loop (br 0))))
const wasm = Uint8Array.from(
  '0061736d0100000001040160000003020100070801046c6f6f7000000a0901070003400c000b0b'
    .match(/../g)
    .map((each) => parseInt(each, 16)),
)
const deep = (left, then) => (left === 0 ? then() : deep(left - 1, then))
const endless = {
  loop() {
    for (;;);
  },
  'regular expression': () => /^(a+)+$/.test(`${'a'.repeat(40)}!`),
  WebAssembly: () => new WebAssembly.Instance(new WebAssembly.Module(wasm)).exports.loop(),
  'loop far down': () => deep(7000, () => endless.loop()),
  sort() {
    const list = Array.from({ length: 1e5 }, (_, i) => (i * 7919) % 1e5)
    for (;;) list.slice().sort((a, b) => a - b)
  },
  'JSON.stringify'() {
    const data = Array.from({ length: 1e4 }, (_, i) => ({ i }))
    for (;;) JSON.stringify(data)
  },
  'other context': () => runInContext('for (;;);', createContext({})),
  catch() {
    for (;;)
      try {
        throw new Error('x')
      } catch {}
  },
}

/** Endless code that calls Node's and the library's JavaScript all the time. */
function busyBodies(resources) {
  const quiet = new Console(new Writable({ write: (chunk, encoding, done) => done() }))
  const emitter = new EventEmitter().on('x', (n) => JSON.stringify({ n }))
  const sample = { list: [1, 2, { three: 3 }], map: new Map([['a', 1]]) }
  const token = new CancelationToken()
  const calls = {
    progress: (n, cancel) => cancel.reportProgress({ done: n, total: 1e9 }),
    token: () => token.isCanceled || new CancelationToken().onCancel(() => {}),
    guard: () => resources.isBreached || resources.state,
    look: (n, cancel) => cancel.isCanceled,
    console: (n) => quiet.log('%d of %o', n, sample),
    fs: () => existsSync(file) && statSync(file),
    inspect: () => inspect(sample, { depth: 5 }),
    buffer: (n) => Buffer.from(String(n)).toString('base64'),
    url: (n) => new URL(`http://example.com/${n}`).searchParams.get('a'),
    emitter: (n) => emitter.emit('x', n),
    nested: (n, cancel) => cancel.preemptible(() => Math.sqrt(n)),
  }
  const each = Object.values(calls)
  const all = (n, cancel) => each[n % each.length](n, cancel)
  return [...each, all].map((call) => (cancel) => {
    for (let n = 0; ; n++) call(n, cancel)
  })
}

const THOUSANDS = 2400

/** Ends that many endless calls, by timeouts, deadlines, and tokens that another thread cancels. Counts the kinds. */
async function endThousands() {
  const resources = guard({ 'process.rss': '1TB' })
  const bodies = busyBodies(resources)
  const canceler = new Worker(file, { workerData: 'cancel' })
  const counts = { timeout: 0, manual: 0 }
  for (let i = 0; i < THOUSANDS; i++) {
    const ms = 0.5 + (i % 7) / 4
    const token = new CancelationToken()
    const way = Math.floor(i / bodies.length) % 3
    if (way === 0) canceler.postMessage({ shared: token.share(), ms })
    const end = [{}, { timeout: ms }, { deadline: new Date(Date.now() + 2) }][way]
    const body = bodies[i % bodies.length]
    const kind = await endOf(body, { ...end, token, resources })
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  await canceler.terminate()
  resources.close()
  return counts
}

/** Ends loops that V8 optimizes together with functions of Node, and of the library; how often what these keep was changed. */
async function endInlined(count) {
  const storage = new AsyncLocalStorage()
  const resource = storage.run(5, () => new AsyncResource('TEST'))
  const emitter = new EventEmitter()
  const bodies = [
    'for (;;) resource.runInAsyncScope(fn)',
    'for (;;) if (n++ % 2 === 0) resource.runInAsyncScope(fn)',
    'for (;;) if (n++ % 2 === 0) storage.run(n, fn)',
    'for (;;) if (n++ % 2 === 0) emitter.emit("x")',
    'for (;;) { const token = new CancelationToken(); token.onCancel(fn); token.cancel() }',
    'for (;;) cancel.reportProgress({ done: 1, total: 2 })',
  ]
  const broken = { id: 0, store: 0, event: 0, token: 0, ended: 0 }
  for (let i = 0; i < count; i++) {
    // New functions, which V8 optimizes anew.
    const names = 'resource, storage, fn, emitter, CancelationToken, cancel, n'
    const loop = runInThisContext(`(function (${names}) { ${bodies[i % bodies.length]} })`)
    const fn = runInThisContext('(function () { return 1 })')
    emitter.removeAllListeners().on('x', fn)
    await Cancelable.run(
      (cancel) => {
        cancel.onProgress(fn)
        const id = executionAsyncId()
        try {
          cancel.preemptible(() => loop(resource, storage, fn, emitter, CancelationToken, cancel, 0))
        } catch (error) {
          if (error instanceof CancelationError) broken.ended++
        }
        if (executionAsyncId() !== id) broken.id++
        if (storage.getStore() !== undefined) broken.store++
        let seen = 0
        emitter.once('y', () => (seen += 1)).emit('y')
        const token = new CancelationToken()
        token.onCancel(() => (seen += 2))
        token.cancel()
        if ((seen & 1) === 0) broken.event++
        if ((seen & 2) === 0) broken.token++
      },
      { timeout: 2 + (i % 4) },
    ).catch(() => {})
  }
  return broken
}

function blockHere() {
  const until = performance.now() + 1000
  while (performance.now() < until);
}

/** Whether the stack of this thread's loop names the function that blocks it. */
async function namesBlocker() {
  const loop = guard({ 'eventLoop.delay': { above: '200ms', stack: true } })
  const functions = new Set()
  loop.on('breach', ({ stack = [] }) => {
    // On a busy machine, something else may block as well.
    for (const frame of stack) functions.add(frame.function)
  })
  for (let i = 0; i < 30 && !functions.has('blockHere'); i++) {
    await later(50)
    blockHere()
    await later(50)
  }
  loop.close()
  return functions.has('blockHere')
}

/** In a thread of its own: cancels each token that it gets, somewhat later. */
function cancelTokens() {
  parentPort.on('message', ({ shared, ms }) => {
    const token = CancelationToken.from(shared)
    const until = performance.now() + ms
    while (performance.now() < until);
    token.cancel()
  })
}

const row = JSON.stringify(Array.from({ length: 200 }, (_, i) => ({ i, text: 'x' })))
const fills = [
  () => {
    for (const keep = []; ;) keep.push({ text: 'x'.repeat(10) + keep.length })
  },
  () => {
    for (const keep = []; ;) keep.push(JSON.parse(row))
  },
  () => {
    for (const keep = []; ;)
      keep.push(
        'xyz'
          .repeat(3000 + keep.length)
          .split('')
          .join('-'),
      )
  },
  () => {
    for (let keep = null; ;) keep = { keep, list: [1, 2, 3] }
  },
  () => {
    for (const keep = []; ;) keep.push(structuredClone({ list: [keep.length, 'x'.repeat(100)] }))
  },
]

/** Fills the heap ten times: twice with each of five things. V8's limit is as before afterwards. */
async function exhaust() {
  const before = getHeapStatistics().heap_size_limit
  const resources = guard({ heap: 90 })
  const kinds = []
  for (let i = 0; i < 10; i++) {
    kinds.push(await endOf(fills[i % fills.length], { resources }))
    while (resources.isBreached) await later(10)
  }
  resources.close()
  return `${kinds.join()} ${getHeapStatistics().heap_size_limit === before}`
}
const TEN = `${Array(10).fill('resource').join()} true`

async function main() {
  const { available, why } = preemption()
  if (!('Bun' in globalThis || 'Deno' in globalThis) && process.platform === 'linux') {
    expect(`can end calls ${why}`, available)
  } else {
    expect(`says why it cannot: ${why}`, !available && why !== '')
    let code
    await Cancelable.run((cancel) => cancel.preemptible(() => 1)).catch((error) => (code = error.code))
    expect('refuses to call', code === 'ERR_TRIPLINE_PREEMPTION_UNAVAILABLE')
    return
  }
  for (const [name, fn] of Object.entries(endless)) expect(`ends: ${name}`, (await endOf(fn)) === 'timeout')

  // Thousands of calls with orders at any moment, among Node's and the library's own code.
  const resources = guard({ 'process.rss': '1TB' })
  const emitter = new EventEmitter().on('x', () => JSON.stringify({ a: 1 }))
  const counts = { returned: 0, timeout: 0 }
  for (let i = 0; i < 5000; i++) {
    const token = new CancelationToken()
    token.share()
    const outcome = await Cancelable.run(
      (cancel) =>
        cancel.preemptible(() => {
          for (let n = 0; n < 20 + (i % 11) * 20; n++) {
            cancel.reportProgress({ done: n, total: 200 })
            emitter.emit('x')
            new CancelationToken().onCancel(() => {})
            new URL(`http://example.com/${n}`).searchParams.get('a')
            Buffer.from(String(n)).toString('base64')
          }
        }),
      { timeout: 0.1 + (i % 13) / 10, token, resources },
    ).then(
      () => 'returned',
      (error) => error.reason?.kind ?? String(error),
    )
    counts[outcome] = (counts[outcome] ?? 0) + 1
  }
  resources.close()
  expect(`5000 calls: ${JSON.stringify(counts)}`, counts.timeout > 0 && counts.timeout + counts.returned === 5000)

  const ended = await endThousands()
  expect(`ended ${JSON.stringify(ended)}`, ended.timeout + ended.manual === THOUSANDS && ended.manual > 0)

  const { ended: inlined, ...broken } = await endInlined(1200)
  expect(
    `${inlined} ended in inlined code, broken: ${JSON.stringify(broken)}`,
    Math.max(...Object.values(broken)) === 0,
  )
  expect('most of them', inlined > 600)
  expect('the stack of the blocked loop', await namesBlocker())

  let sum = 0
  for (let i = 0; i < 5e7; i++) sum += i
  expect('no order has outlasted its call', sum > 0)
  await later(5)
  expect('files', readFileSync(file, 'utf8').length > 1000)
  expect('new modules', 'gzipSync' in (await import('node:zlib')) && 'createServer' in (await import('node:http')))
  expect('other operations', (await Cancelable.run((cancel) => cancel.race(later(1, 'fine')))) === 'fine')
  const token = new CancelationToken()
  const canceled = Cancelable.run((cancel) => cancel.race(later(60_000)), { token }).catch((error) => error.reason.kind)
  token.cancel()
  expect('tokens', (await canceled) === 'manual')
  let report
  await Cancelable.run((cancel) => {
    cancel.onProgress((each) => (report = each.done))
    cancel.reportProgress({ done: 1 })
  })
  expect('progress', report === 1)
  const small = guard({ 'process.rss': '1MB' })
  while (!small.isBreached) await later(10)
  small.close()
  expect(
    'inspect, URL, Buffer',
    inspect({ a: new URL(`http://h/${Buffer.from('x').toString()}`).pathname }) === "{ a: '/x' }",
  )
  new EventEmitter().on('x', () => expect('events', true)).emit('x')
  console.error('the console')

  const worker = new Worker(file, { resourceLimits: { maxOldGenerationSizeMb: 48 } })
  expect('the heap of a worker, ten times', (await once(worker, 'message'))[0] === TEN)
  await worker.terminate()
  const blocked = new Worker(file, { workerData: 'block' })
  expect('the stack of a blocked worker', (await once(blocked, 'message'))[0])
  await blocked.terminate()
  const flags = [...process.execArgv, '--max-old-space-size=64']
  const { stdout, status } = spawnSync(process.execPath, [...flags, file, 'exhaust'], { encoding: 'utf8' })
  expect('the heap of the main thread, ten times', stdout.trim() === TEN && status === 0)
}

if (workerData === 'cancel') {
  cancelTokens()
} else if (workerData === 'block') {
  parentPort.postMessage(await namesBlocker())
} else if (!isMainThread) {
  parentPort.postMessage(await exhaust())
} else if (process.argv[2] === 'exhaust') {
  console.log(await exhaust())
} else {
  try {
    await main()
    console.log(JSON.stringify({ ok: true, steps }))
  } catch (error) {
    console.log(JSON.stringify({ failed: String(error?.stack ?? error), steps }))
    process.exitCode = 1
  }
}
