/** One operation in several threads. */
import { createHook } from 'node:async_hooks'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { BroadcastChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import { Cancelable, CancelationToken, type Progress, type SharedOperation } from '../../src/index.js'
import { runModule } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'
import { drainShared } from '../../src/cancelable/shared-operation.js'
import { useClock } from '../../src/testing/index.js'
import { reportedErrors } from '../helpers/reported-errors.js'
import { deferred, rejection, thrown, turns } from './helpers.js'

const INDEX = JSON.stringify(fileURLToPath(new URL('../../dist/index.cjs', import.meta.url)))
const workers: Worker[] = []
afterEach(() => Promise.all(workers.splice(0).map((worker) => worker.terminate())))

/** A worker that runs code with the library as `tripline`, `shared`, and `post`. */
function startWorker(shared: SharedOperation, code: string): Worker {
  const worker = new Worker(
    `const { parentPort, workerData: shared } = require('node:worker_threads')
     const tripline = require(${INDEX})
     const post = (value) => parentPort.postMessage(value)
     ${code}`,
    { eval: true, workerData: shared },
  )
  workers.push(worker)
  return worker
}

/** Receives what the copies send, beside the original. */
function listenTo({ channel: name }: SharedOperation): Disposable & { taken(): unknown[] } {
  const channel = new BroadcastChannel(name)
  return {
    taken: () => {
      const messages: unknown[] = []
      for (let next = take(); next !== undefined; next = take()) messages.push(next.message)
      return messages
    },
    [Symbol.dispose]: () => channel.close(),
  }
  function take(): { message: unknown } | undefined {
    return receiveMessageOnPort(channel as never)
  }
}

/** How many ends of channels are made while a copy in this thread reports its progress so often. */
async function channelsFor(count: number): Promise<number> {
  let made = 0
  const hook = createHook({ init: (_, type) => void (made += Number(type === 'MESSAGEPORT')) }).enable()
  using operation = new Cancelable().enter()
  await Cancelable.from(operation.share()).run((copy) => {
    for (let i = 0; i < count; i++) copy.reportProgress(String(i))
  })
  hook.disable()
  return made
}

describe('a shared operation', () => {
  test('row 164: a loop in the worker that never yields sees the cancelation, with its reason', async () => {
    const operation = new Cancelable({ id: 'job 7', name: 'crunch' }).enter()
    const worker = startWorker(
      operation.share(),
      `const cancel = tripline.Cancelable.from(shared).enter()
       post([cancel.context.id, cancel.context.name])
       while (!cancel.isCanceled);
       post([cancel.reason.kind, cancel.reason.message])`,
    )
    expect(await once(worker, 'message')).toEqual([['job 7', 'crunch']])
    operation.cancel('enough')
    expect(await once(worker, 'message')).toEqual([['manual', 'enough']])
    operation[Symbol.dispose]()
  })

  test('a loop here that never yields sees a cancelation by the worker, and so do its children', async () => {
    using operation = new Cancelable().enter()
    using child = operation.child().enter()
    const worker = startWorker(
      operation.share(),
      `const cancel = tripline.Cancelable.from(shared).enter()
       parentPort.once('message', () => cancel.cancel('from the worker'))
       post('ready')`,
    )
    await once(worker, 'message')
    worker.postMessage('now')
    const end = performance.now() + 20_000
    while (!child.isCanceled && performance.now() < end);
    expect(operation.reason).toMatchObject({ kind: 'manual', message: 'from the worker' })
  })

  test("a timeout of the copy cancels the original, which waits, with the copy's reason", async () => {
    const run = Cancelable.run(async (cancel) => {
      startWorker(
        cancel.share(),
        `tripline.Cancelable.from(shared, { timeout: 10 }).run((cancel) => cancel.sleep('1h')).catch(() => {})`,
      )
      await cancel.sleep('1h')
    })
    expect(await rejection(run)).toMatchObject({ name: 'TimeoutError', reason: { kind: 'timeout', timeout: 10 } })
  })

  test('progress and partial results come back, in order, to the operation and its parents', async () => {
    const parent = new Cancelable().enter()
    const seen: Progress[] = []
    parent.onProgress((progress) => seen.push(progress))
    const run = new Cancelable({ parent, name: 'original' }).run(async (cancel) => {
      const worker = startWorker(
        cancel.share(),
        `tripline.Cancelable.from(shared).run(async (cancel) => {
           cancel.reportProgress('first', new Map([[1, 2]]))
           cancel.partialResult = { rows: 1 }
           await cancel.child().run((child) => child.reportProgress('of a child'))
           cancel.reportProgress({ done: 3, total: 4 })
           for await (const _ of cancel.stream([1, 2, 3], { keep: 'all' }));
         }).then(() => post('done'))`,
      )
      await once(worker, 'message')
    })
    await run
    expect(seen.map(({ message, data, fraction, operation }) => [message, data, fraction, operation.name])).toEqual([
      ['first', new Map([[1, 2]]), undefined, 'original'],
      ['of a child', undefined, undefined, 'original'],
      ['3 of 4', undefined, 0.75, 'original'],
    ])
  })

  test('the partial result is that of the copy, also of a stream', async () => {
    const operation = new Cancelable().enter()
    const worker = startWorker(
      operation.share(),
      `const cancel = tripline.Cancelable.from(shared)
       cancel.run(async () => {
         cancel.partialResult = { rows: 1 }
         post('set')
         await new Promise((resolve) => parentPort.once('message', resolve))
         cancel.partialResult = undefined
         for await (const _ of cancel.stream([1, 2, 3], { keep: 'all' }));
       }).then(() => post('done'))`,
    )
    await once(worker, 'message')
    await eventually(() => operation.partialResult !== undefined)
    expect(operation.partialResult).toEqual({ rows: 1 })
    worker.postMessage('go on')
    await once(worker, 'message')
    operation[Symbol.dispose]()
    expect(operation.partialResult).toEqual({ count: 3, items: [1, 2, 3], complete: true })
  })

  test('however much is sent, it goes through one channel', async () => {
    const one = await channelsFor(1)
    expect(one).toBeGreaterThan(0)
    expect(await channelsFor(10)).toBe(one)
  })

  test('no channel is left when the copy and the operation have ended', async () => {
    const open = new Set<number>()
    const hook = createHook({
      init: (id, type) => void (type === 'MESSAGEPORT' && open.add(id)),
      destroy: (id) => void open.delete(id),
    }).enable()
    const operation = new Cancelable().enter()
    const copy = Cancelable.from(operation.share()).enter()
    copy.reportProgress('one')
    await eventually(() => open.size === 2)
    copy.complete()
    await eventually(() => open.size === 1)
    operation.complete()
    await eventually(() => open.size === 0)
    hook.disable()
    expect(open.size).toBe(0)
  })

  test('values that cannot be sent: progress comes without them, and the error is reported', async () => {
    using operation = new Cancelable().enter()
    const seen: unknown[] = []
    operation.onProgress(({ message, data }) => seen.push([message, data]))
    const warned = once(process, 'warning')
    await Cancelable.from(operation.share()).run((copy) => {
      copy.reportProgress('with a function', () => undefined)
      copy.partialResult = () => undefined
      copy.reportProgress('later')
    })
    await eventually(() => seen.length === 2)
    expect(seen).toEqual([
      ['with a function', undefined],
      ['later', undefined],
    ])
    expect(operation.partialResult).toBeUndefined()
    expect(String(await warned)).toContain('shared operation')
  })

  test('the end of the original cancels the copies; the end of a copy changes nothing', async () => {
    const operation = new Cancelable({ id: 'original' }).enter()
    const shared = operation.share()
    expect(operation.share()).toBe(shared)
    expect(await Cancelable.from(shared).run(() => 'a copy')).toBe('a copy')
    expect(operation.isCanceled).toBe(false)
    const copy = Cancelable.from(shared).run((cancel) => cancel.sleep('1h'))
    operation.complete()
    expect(await rejection(copy)).toMatchObject({ reason: { kind: 'parent', parentId: 'original' } })
    expect(operation.context.status).toBe('completed')
    expect(thrown(() => Cancelable.from(shared).enter())).toMatchObject({ reason: { kind: 'parent' } })
  })

  test('may be shared before its start, after its cancelation, and after its end', async () => {
    const pending = new Cancelable()
    const early = pending.share()
    Cancelable.from(early).enter().cancel('before the start')
    await rejection(pending.run((cancel) => cancel.sleep('1h')))
    expect(pending.reason).toMatchObject({ message: 'before the start' })
    const canceled = new Cancelable()
    canceled.cancel('canceled')
    expect(thrown(() => Cancelable.from(canceled.share()).enter())).toMatchObject({ message: 'canceled' })
    const ended = new Cancelable().enter()
    ended[Symbol.dispose]()
    expect(thrown(() => Cancelable.from(ended.share()).enter())).toMatchObject({ reason: { kind: 'parent' } })
  })

  test('a token can be made of it as well', () => {
    using operation = new Cancelable().enter()
    const token = CancelationToken.from(operation.share())
    operation.cancel('both')
    expect(token.reason).toMatchObject({ message: 'both' })
  })

  test('signs of life of a copy count for the idle time of the original, or of its parent', async () => {
    using clock = useClock()
    using parent = new Cancelable({ idle: '30s' }).enter()
    using original = parent.child().enter()
    using copy = Cancelable.from(original.share()).enter()
    const signs: (() => unknown)[] = [
      () => copy.touch(),
      async () => {
        for await (const each of copy.stream([1])) void each
      },
      () => copy.reportProgress('one'),
      () => copy.child().enter().touch(),
    ]
    for (const sign of signs) {
      await clock.advance('20s')
      await sign()
      drainShared(original)
      expect(parent.reason).toBeUndefined()
    }
    await clock.advance('30s')
    expect(parent.reason).toMatchObject({ kind: 'idle' })
    expect(copy.isCanceled).toBe(true)
  })

  test('without an idle time a copy sends no signs of life', async () => {
    using original = new Cancelable().enter()
    const shared = original.share()
    using copy = Cancelable.from(shared).enter()
    const channel = new BroadcastChannel(shared.channel)
    const received = once(channel as unknown as EventTarget, 'message')
    copy.touch()
    for await (const each of copy.stream([1])) void each
    copy.reportProgress('the first message')
    const [event] = (await received) as [MessageEvent]
    channel.close()
    expect(event.data).toMatchObject({ message: 'the first message' })
  })

  test('a copy sends signs of life as seldom as its idle time allows', async () => {
    using clock = useClock()
    using operation = new Cancelable({ idle: 1000 }).enter()
    const shared = operation.share()
    using ear = listenTo(shared)
    using copy = Cancelable.from(shared).enter()
    ear.taken()
    for (let i = 0; i < 3; i++) copy.touch()
    await clock.advance(249)
    copy.touch()
    const soon = ear.taken().length
    await clock.advance(1)
    copy.touch()
    expect([soon, ear.taken().length]).toEqual([0, 1])
  })

  test('after its end an original receives nothing, whether it was shared before or not', async () => {
    for (const before of [true, false]) {
      const operation = new Cancelable().enter()
      if (before) operation.share()
      operation.complete()
      const { channel: name } = operation.share()
      const [channel, other] = [new BroadcastChannel(name), new BroadcastChannel(name)]
      const arrived = once(other as unknown as EventTarget, 'message')
      channel.postMessage({ partial: 'late' })
      await arrived
      await turns(2)
      drainShared(operation)
      expect(operation.partialResult).toBeUndefined()
      channel.close()
      other.close()
    }
  })

  test('a copy sends the end of its stream when it ends, and nothing without one', async () => {
    using operation = new Cancelable().enter()
    const shared = operation.share()
    using ear = listenTo(shared)
    await Cancelable.from(shared).run(async (copy) => {
      for await (const _ of copy.stream([1, 2]));
    })
    expect(ear.taken()).toMatchObject([{ partial: { count: 2, complete: true } }])
    const reported = reportedErrors()
    await Cancelable.from(shared).run((copy) => void (copy.partialResult = () => undefined))
    await Cancelable.from(shared).run(() => 1)
    expect(ear.taken()).toEqual([])
    expect(reported).toMatchObject([{ origin: 'shared operation' }])
  })

  test('a copy sends each partial result when it is set', () => {
    using operation = new Cancelable().enter()
    const shared = operation.share()
    using ear = listenTo(shared)
    using copy = Cancelable.from(shared).enter()
    ear.taken()
    copy.partialResult = 'half'
    expect(copy.partialResult).toBe('half')
    expect(ear.taken()).toMatchObject([{ partial: 'half' }])
  })

  test('a copy that is canceled sends the partial result of its stream at once, and one that has ended nothing', async () => {
    const reported = reportedErrors()
    using operation = new Cancelable().enter()
    const shared = operation.share()
    using ear = listenTo(shared)
    const copy = Cancelable.from(shared)
    const { promise, resolve } = deferred()
    const run = copy.run(async (cancel) => {
      for await (const _ of cancel.stream([1, 2]));
      await promise
    })
    await turns()
    expect(ear.taken()).toEqual([])
    copy.cancel('stop')
    expect(ear.taken()).toMatchObject([{ partial: { count: 2 } }])
    resolve()
    await run.catch(() => undefined)
    ear.taken()
    copy.partialResult = 'late'
    expect([ear.taken(), reported]).toEqual([[], []])
  })

  test('numbers of its progress count only if they are finite and not negative', () => {
    using operation = new Cancelable().enter()
    const shared = operation.share()
    const channel = new BroadcastChannel(shared.channel)
    const numbersOf = (news: object): unknown[] => {
      channel.postMessage({ message: 'news', ...news })
      drainShared(operation)
      const { done, total, fraction } = operation.context.progress!
      return [done, total, fraction]
    }
    const none = [undefined, undefined, undefined]
    expect(numbersOf({ done: 0, total: 4 })).toEqual([0, 4, 0])
    expect(numbersOf({ done: Infinity, total: 4 })).toEqual(none)
    expect(numbersOf({ done: 1 })).toEqual([1, undefined, undefined])
    expect(numbersOf({ done: 1, total: Infinity })).toEqual(none)
    expect(numbersOf({ done: '1', total: 4 })).toEqual(none)
    channel.close()
  })

  test('a message that is not from a copy is ignored', async () => {
    using operation = new Cancelable().enter()
    const channel = new BroadcastChannel(operation.share().channel)
    for (const each of [null, 1, 'text', { message: 1 }, [], { data: 1 }, { message: 'bad numbers', done: -1 }])
      channel.postMessage(each)
    channel.postMessage({ message: 'last' })
    await eventually(() => operation.context.progress !== undefined)
    expect(operation.context.progress).toMatchObject({ message: 'last' })
    channel.close()
  })

  test('a name that is no text is not that of the copy', () => {
    const shared = new Cancelable({ name: 'job' }).share()
    expect(Cancelable.from({ ...shared, name: 7 as never }).context.name).toBeUndefined()
    expect(Cancelable.from(shared).context.name).toBe('job')
    expect(Cancelable.from(shared, { name: 'own' }).context.name).toBe('own')
  })

  test('bad input', () => {
    const { buffer, ...rest } = new Cancelable().share()
    for (const bad of [undefined, null, {}, { buffer }, rest, { ...rest, buffer: new SharedArrayBuffer(4096) }, 'x']) {
      expect(thrown(() => Cancelable.from(bad as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    }
    expect(thrown(() => Cancelable.from(new Cancelable().share(), { timeuot: 1 } as never))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    })
  })

  test('keeps no process alive', async () => {
    const { stdout, stderr } = await runModule(`
      const { Cancelable } = tripline
      const operation = new Cancelable().enter()
      const copy = Cancelable.from(operation.share()).enter()
      copy.reportProgress('hello')
      const waiting = setInterval(() => {}, 1000)
      operation.onProgress(({ message }) => {
        clearInterval(waiting)
        console.log(message)
      })`)
    expect([stdout, stderr]).toEqual(['hello\n', ''])
  })
})
