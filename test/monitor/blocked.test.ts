/** The stack of the code that blocks the event loop. */
import { execSync } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { blockedChannel } from '../../src/base/diagnostics.js'
import type { Breach, StackFrame } from '../../src/base/reason.js'
import { describeBreach } from '../../src/monitor/breach.js'
import { guard, type BlockedMessage } from '../../src/monitor/guard.js'
import { capabilities } from '../../src/monitor/capabilities.js'
import { Cancelable } from '../../src/cancelable/cancelable.js'
import { runModule } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'
import { LIBRARY, endWatchedWorkers } from '../helpers/loop-workers.js'

/** The types of Node have no WebAssembly. */
interface Wasm {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: object) => { exports: Record<string, () => void> }
}

const STACK = { 'eventLoop.delay': { above: 60, stack: true } } as const

/** Blocks the loop with `block`, which goes on until `isTaken` is true, and returns the evidence. */
async function blockWith(block: (isTaken: () => boolean) => void): Promise<Breach> {
  // The loop has to turn first: until then, it is still blocked by what was before.
  await sleep(20)
  using watched = guard(STACK, { within: 20 })
  await sleep(50)
  const end = performance.now() + 20_000
  block(() => watched.breaches[0]?.stack !== undefined || performance.now() > end)
  await eventually(() => watched.breachCount > 0)
  return watched.latestBreaches[0]!
}

function spinUntil(isOver: () => boolean): void {
  while (!isOver());
}

// (import "test" "isTaken" (func $isTaken (result i32))) (func (export "spin") (loop (br_if 0 (i32.eqz (call $isTaken)))))
const SPIN = Buffer.from(
  'AGFzbQEAAAABCAJgAAF/YAAAAhABBHRlc3QHaXNUYWtlbgAAAwIBAQcIAQRzcGluAAEKDAEKAANAEABFDQALCw==',
  'base64',
)

function functionNamed(name: string, isTaken: () => boolean): () => void {
  return Object.defineProperty(() => spinUntil(isTaken), 'name', { value: name })
}

const namesOf = (stack: readonly StackFrame[] | undefined): string[] =>
  stack?.map((each) => each.function) ?? ['no stack']

describe('the stack of a blocked loop', () => {
  it('is available in Node, and capabilities() says so', () => {
    const capability = capabilities().find((each) => each.metric === 'eventLoop.delay')
    expect(capability).toMatchObject({ stack: true, stackWhy: '' })
  })

  it('has function, file, line and column of the code that blocks, in evidence and text', async () => {
    const breach = await blockWith(function render(isTaken) {
      spinUntil(isTaken)
    })
    const frame = breach.stack!.find((each) => each.function === 'spinUntil')!
    expect(frame.file).toContain('blocked.test.ts')
    expect(frame.line).toBeGreaterThan(1)
    expect(frame.column).toBeGreaterThan(1)
    expect(namesOf(breach.stack)).toContain('render')
    expect(Object.isFrozen(breach.stack)).toBe(true)
    const text = /^eventLoop\.delay \S+ > 60ms in spinUntil \(.*blocked\.test\.ts:\d+:\d+\)$/
    // Not the frames of Node and of this library.
    const ours = fileURLToPath(new URL('../../src/monitor/guard.ts', import.meta.url))
    const above = [ours, 'node:fs'].map((file) => ({ function: 'above', file, line: 1, column: 1 }))
    const below = breach.stack!.slice(breach.stack!.indexOf(frame))
    expect(describeBreach({ ...breach, stack: [...above, ...below] })).toMatch(text)
    expect(describeBreach({ ...breach, stack: above })).toMatch(/ > 60ms$/)
  })

  it('is there when the blocking code itself looks, and in the reason of the operation that it runs in', async () => {
    using watched = guard(STACK, { within: 20 })
    await sleep(50)
    const work = new Cancelable({ resources: watched })
    let seen: Breach | undefined
    const running = work.run(function crunch() {
      const end = performance.now() + 20_000
      while (!work.isCanceled && performance.now() < end);
      seen = watched.breaches[0]
      work.throwIfCanceled()
    })
    await expect(running).rejects.toMatchObject({ reason: { kind: 'resource', guard: 'eventLoop.delay' } })
    expect(namesOf(seen!.stack)).toContain('crunch')
    const { reason } = work
    expect(reason?.kind === 'resource' && namesOf(reason.breach.stack)).toContain('crunch')
    expect(reason?.message).toMatch(/ in crunch \(/)
  })

  it('names the code that called a blocking function of Node', async () => {
    const breach = await blockWith(function shellOut(isTaken) {
      do execSync('sleep 0.3')
      while (!isTaken())
    })
    expect(namesOf(breach.stack)).toContain('shellOut')
    expect(describeBreach(breach)).toMatch(/ in shellOut \(.*blocked\.test\.ts/)
  })

  it('is taken within regular expressions, sorts, eval, deep recursion and WebAssembly', async () => {
    const ways: Record<string, (isTaken: () => boolean) => void> = {
      matchSlowly: (isTaken) => {
        while (!isTaken()) /^(a+)+$/.test('a'.repeat(20) + 'b')
      },
      sortSlowly: (isTaken) => {
        while (!isTaken()) Array.from({ length: 1000 }, () => Math.random()).sort((a, b) => a - b)
      },
      evaluate: (isTaken) =>
        // oxlint-disable-next-line no-eval -- frames of evaluated code are what this is about
        ((0, eval)('(isTaken) => { while (!isTaken()); }') as (isTaken: () => boolean) => void)(isTaken),
      recurse: (isTaken) => {
        const down = (depth: number): number => (depth > 0 ? 1 + down(depth - 1) : (spinUntil(isTaken), 0))
        down(5000)
      },
      assemble: (isTaken) => {
        const { Instance, Module } = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly
        new Instance(new Module(SPIN), { test: { isTaken } }).exports['spin']!()
      },
    }
    for (const [name, way] of Object.entries(ways)) {
      const { stack } = await blockWith(way)
      expect(stack!.length).toBeGreaterThan(1)
      expect(stack!.length).toBeLessThanOrEqual(32)
      if (name === 'recurse') expect(namesOf(stack).filter((each) => each === 'down').length).toBeGreaterThan(20)
      else expect(namesOf(stack)).toContain(name)
      const files = stack!.map((each) => each.file)
      if (name === 'evaluate') expect(files).toContain('')
      if (name === 'assemble') expect(files).toContainEqual(expect.stringMatching(/^wasm:/))
    }
  })

  it('has names as they are, cut to 127 bytes, and text without control characters', async () => {
    const name = '\u001B]0;title\u0007\n\u202E'
    const long = 'é'.repeat(5000)
    const own = await blockWith((isTaken) => functionNamed(name, isTaken)())
    expect(namesOf(own.stack)).toContain(name)
    const cut = await blockWith((isTaken) => functionNamed(long, isTaken)())
    expect(namesOf(cut.stack)).toContain('é'.repeat(63))
    const file = 'page\u001B[31m\n.js'
    // Without calls of functions from the test, which would be on top.
    const run = `while (!state.over) for (let i = 0; i < 1e6; i++);`
    const state = { over: false }
    const foreign = await blockWith((isTaken) => {
      Object.defineProperty(state, 'over', { get: isTaken })
      runInNewContext(run, { state }, { filename: file })
    })
    const frame = foreign.stack!.find((each) => each.file === file)
    expect(frame).toMatchObject({ line: 1 })
    expect(describeBreach({ ...foreign, stack: [frame!] })).toContain(String.raw` in page\u001b[31m\n.js:1:`)
  })

  it('runs no code of the user, whatever Error says', async () => {
    const { stdout, stderr } = await runModule(`
      let prepared = 0
      Error.stackTraceLimit = 0
      Error.prepareStackTrace = () => { prepared++; throw new Error('no') }
      const watched = tripline.guard({ 'eventLoop.delay': { above: 60, stack: true } }, { within: 20 })
      await new Promise((resolve) => setTimeout(resolve, 100))
      const end = Date.now() + 20_000
      ;(function spin() { while (!watched.breaches[0]?.stack && Date.now() < end); })()
      const [breach] = watched.breaches
      console.log(JSON.stringify([prepared, breach.stack.map((each) => each.function).includes('spin'), breach.stack[0]]))
      watched.close()`)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout).slice(0, 2)).toEqual([0, true])
  })

  it('is in the terms of the sources where Node has source maps', async () => {
    const map = { version: 3, sources: ['/app/page.ts'], names: [], mappings: 'AAEI' }
    const url = `data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}`
    // Not in one piece, or the test's own file would have this map.
    const comment = ['//# source', 'MappingURL='].join('')
    const source = `globalThis.spin = function spin(until) { while (!until()); }\n${comment}${url}`
    const { stdout } = await runModule(
      `import { writeFileSync, mkdtempSync, rmSync } from 'node:fs'
      import { createRequire } from 'node:module'
      const folder = mkdtempSync('/tmp/tripline-map-')
      writeFileSync(folder + '/page.cjs', ${JSON.stringify(source)})
      createRequire(import.meta.url)(folder + '/page.cjs')
      const watched = tripline.guard({ 'eventLoop.delay': { above: 60, stack: true } }, { within: 20 })
      await new Promise((resolve) => setTimeout(resolve, 100))
      const end = Date.now() + 20_000
      spin(() => watched.breaches[0]?.stack || Date.now() > end)
      console.log(JSON.stringify(watched.breaches[0].stack.find((each) => each.function === 'spin')))
      rmSync(folder, { recursive: true })
      watched.close()`,
      { flags: ['--enable-source-maps'] },
    )
    expect(JSON.parse(stdout)).toMatchObject({ file: expect.stringMatching(/\/app\/page\.ts$/), line: 3, column: 5 })
  })

  it('is absent without `stack: true`', async () => {
    using plain = guard({ 'eventLoop.delay': 60 }, { within: 20 })
    await sleep(50)
    spinUntil(() => plain.isBreached)
    expect(plain.breaches[0]).not.toHaveProperty('stack')
    expect(describeBreach(plain.breaches[0]!)).not.toContain(' in ')
  })

  it('is that of the worker which is blocked, and of no other thread', async () => {
    using ours = guard({ 'eventLoop.delay': { above: 10_000, stack: true } }, { within: 20 })
    const worker = new Worker(
      `const { guard, describeBreach } = require(${LIBRARY})
       const watched = guard({ 'eventLoop.delay': { above: 60, stack: true } }, { within: 20 })
       setTimeout(function inWorker() {
         const end = Date.now() + 20_000
         while (!watched.breaches[0]?.stack && Date.now() < end);
         require('node:worker_threads').parentPort.postMessage(describeBreach(watched.breaches[0]))
       }, 100)`,
      { eval: true },
    )
    const [text] = await once(worker, 'message')
    expect(text).toMatch(/ in inWorker \(/)
    expect(ours.breachCount).toBe(0)
    await worker.terminate()
  })

  it('is asked of workers that are terminated meanwhile', async () => {
    using watched = guard({ 'eventLoop.delay': { above: 60_000, stack: true } }, { within: 1 })
    await endWatchedWorkers(24, { blocked: true })
    expect(watched.state).toBe('clear')
  }, 60_000)
})

/** Whether the test blocked the loop: a busy machine may hold it up as well. */
const isOurs = (stack: readonly StackFrame[] | undefined): boolean => namesOf(stack).includes('spinUntil')

describe('tripline:blocked', () => {
  it('is published once the loop is free again, with guard, delay and stack', async () => {
    const messages: BlockedMessage[] = []
    const note = (message: unknown): void => {
      if (isOurs((message as BlockedMessage).stack)) messages.push(message as BlockedMessage)
    }
    blockedChannel.subscribe(note)
    try {
      using watched = guard(STACK, { within: 20, name: 'loop' })
      using plain = guard({ 'eventLoop.delay': 60 }, { within: 20 })
      await sleep(50)
      await eventually(() => watched.state === 'clear')
      const begun = performance.now()
      spinUntil(() => isOurs(watched.breaches[0]?.stack))
      for (const end = performance.now() + 100; performance.now() < end;);
      expect(messages).toEqual([])
      await eventually(() => messages.length > 0 && plain.breachCount > 0)
      const passed = performance.now() - begun
      const [{ guard: of, delay, stack, breach }] = messages as [BlockedMessage]
      expect(of.name).toBe('loop')
      expect(breach.stack).toEqual(stack)
      // Of the whole block, from the first look at it.
      expect(delay).toBeGreaterThanOrEqual(breach.value)
      expect(delay).toBeGreaterThanOrEqual(100)
      expect(delay).toBeLessThanOrEqual(passed)
      await sleep(50)
      expect(messages).toHaveLength(1)
    } finally {
      blockedChannel.unsubscribe(note)
    }
  })
})

describe('the option', () => {
  it.each([
    [{ memory: { above: 90, stack: true } }, 'ERR_INVALID_ARG_VALUE', /memory\.stack.*eventLoop\.delay/],
    [{ 'eventLoop.utilization': { above: 90, stack: true } }, 'ERR_INVALID_ARG_VALUE', /utilization\.stack/],
    [{ 'eventLoop.delay': { below: 90, stack: true } }, 'ERR_INVALID_ARG_VALUE', /delay\.stack.*above/],
    [{ 'eventLoop.delay': { above: 90, stack: 1 } }, 'ERR_INVALID_ARG_TYPE', /delay\.stack.*true or false/],
  ])('is refused where it means nothing: %j', (limits, code, message) => {
    expect(() => guard(limits as never)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    )
  })
})
