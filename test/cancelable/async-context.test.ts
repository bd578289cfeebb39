/** Callbacks run in the async context in which they were registered, and shared timers and guards retain no context. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import {
  allOf,
  Cancelable,
  CancelationToken,
  ConditionSource,
  every,
  guard,
  run as runCommand,
  TimeoutSource,
  type CancelationSource,
} from '../../src/index.js'
import { runModule } from '../helpers/child.js'
import { never, rejection } from './helpers.js'

const storage = new AsyncLocalStorage<string>()
const BREACHED = { 'memory.available': { below: '1000TB' } }

/** Collects the context of every call, by name. */
class Contexts {
  readonly seen: Record<string, string | undefined> = {}

  /** A callback that notes the context that it runs in. */
  note<R>(name: string, result?: R): () => R {
    return () => {
      this.seen[name] = storage.getStore()
      return result as R
    }
  }
}

describe('a timer', () => {
  it('runs listeners and cleanups in the context of their registration, not of the operation', async () => {
    const { seen, note } = bound()
    const operation = storage.run('made', () => new Cancelable({ timeout: 5 }))
    storage.run('a', () => operation.onStart(note('start')).onCancel(note('cancel')).defer(note('cleanup')))
    storage.run('b', () => operation.onCancel(note('second cancel')).onProgress(note('progress')))
    storage.run('c', () => operation.signal.addEventListener('abort', note('abort')))
    const child = operation.child()
    const run = storage.run('run', () => operation.run(() => child.run(never)))
    storage.run('d', () => child.reportProgress('half'))
    await rejection(run)
    expect(seen).toEqual({
      start: 'a',
      cancel: 'a',
      cleanup: 'a',
      'second cancel': 'b',
      progress: 'b',
      abort: 'c',
    })
  })

  it('runs all other listeners there too', async () => {
    const { seen, note } = bound()
    const completed = new Cancelable()
    storage.run('a', () => completed.onComplete(note('complete')))
    await completed.run(() => 1)
    const failed = new Cancelable()
    storage.run('b', () => failed.onError(note('error')))
    await failed.run(() => Promise.reject(new Error('on purpose'))).catch(() => undefined)
    const token = new CancelationToken()
    storage.run('c', () => token.onCancel(note('token')))
    token.cancel()
    expect(seen).toEqual({ complete: 'a', error: 'b', token: 'c' })
  })

  it('runs all checks of a condition in one context, even within a composite', async () => {
    const checks: (string | undefined)[] = []
    const check = (): boolean => checks.push(storage.getStore()) > 3
    const plain = storage.run('a', () => new Cancelable({ condition: { check, interval: 1 } }))
    await rejection(plain.run(never))
    expect(checks).toEqual(['a', 'a', 'a', 'a'])
    checks.length = 0
    const source = new ConditionSource({ check, interval: 1 })
    const sources = [allOf(new TimeoutSource(1), source)]
    await rejection(storage.run('b', () => new Cancelable({ sources })).run(never))
    expect(checks).toEqual(['b', 'b', 'b', 'b'])
  })

  it('arms and disposes of a source in the context of the operation', async () => {
    const { seen, note } = bound()
    const source: CancelationSource = {
      arm: () => {
        note('arm')()
        return { [Symbol.dispose]: note('dispose') }
      },
    }
    await rejection(storage.run('a', () => new Cancelable({ timeout: 2, sources: [source] })).run(never))
    expect(seen).toEqual({ arm: 'a', dispose: 'a' })
  })

  it('closes the source of a stream in the context of the stream', async () => {
    const { seen, note } = bound()
    const source: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: never,
        return: note('return', Promise.resolve({ done: true, value: 0 })),
      }),
    }
    const operation = new Cancelable({ timeout: 2 })
    await rejection(
      operation.run(async () => {
        const stream = storage.run('a', () => operation.stream(source))
        for await (const _ of stream);
      }),
    )
    expect(seen).toEqual({ return: 'a' })
  })
})

describe('the sampling thread', () => {
  it('runs listeners of a guard, and of operations under it, in the context of their registration', async () => {
    const { seen, note } = bound()
    const watched = storage.run('made', () => guard(BREACHED))
    const breached = new Promise<void>((resolve) => {
      storage.run('a', () => watched.on('breach', note('breach')))
      storage.run('b', () =>
        watched.on('breach', () => {
          note('second')()
          resolve()
        }),
      )
    })
    const held = setInterval(() => undefined, 1000)
    await breached
    const operation = new Cancelable({ resources: BREACHED })
    storage.run('c', () => operation.onCancel(note('cancel')))
    await rejection(operation.run(never))
    clearInterval(held)
    watched.close()
    expect(seen).toEqual({ breach: 'a', second: 'b', cancel: 'c' })
  })

  it('runs the body and callbacks of a ticker and of a command in the context in which they were passed', async () => {
    const { seen, note } = bound()
    const ticker = storage.run('a', () =>
      every(
        { hz: 1000 },
        () => {
          note('body')()
          throw new Error('on purpose')
        },
        {
          onState: note('state'),
          onError: () => {
            note('error')()
            void ticker.close()
          },
        },
      ),
    )
    await ticker.done
    await storage.run('b', () => runCommand('true', [], { onEvent: note('event') }))
    expect(seen).toEqual({ body: 'a', error: 'a', state: 'a', event: 'b' })
  })
})

describe('shared timers and guards', () => {
  it('do not retain the context of the first operation', async () => {
    const { stdout, stderr } = await runModule(
      `import { AsyncLocalStorage } from 'node:async_hooks'
       const { Cancelable, CancelationToken, every, guard } = tripline
       const storage = new AsyncLocalStorage()
       const alive = setInterval(() => {}, 1000)
       const resources = { 'memory.available': { below: '1B' } }
       const controller = new AbortController()
       const token = new CancelationToken()
       const own = guard(resources)
       const options = { resources, timeout: '1h', token, abortSignal: controller.signal }
       function start() {
         const store = {}
         const started = storage.run(store, () => {
           token.share()
           return [new Cancelable(options).enter(), every({ hz: 1000 }, () => {}, { guard: own })]
         })
         return [new WeakRef(store), ...started]
       }
       async function first() {
         const [reference, operation, ticker] = start()
         const others = [new Cancelable(options).enter(), every({ hz: 1 }, () => {}, { guard: own })]
         await new Promise((resolve) => setTimeout(resolve, 20))
         operation[Symbol.dispose]()
         await ticker.close()
         return [reference, others]
       }
       const [reference, others] = await first()
       // The package keeps a reference to its latest promise until it makes the next.
       await Cancelable.run((cancel) => cancel.sleep(1))
       for (let i = 0; i < 50 && reference.deref() !== undefined; i++) {
         await new Promise((resolve) => setTimeout(resolve, 10))
         gc()
       }
       console.log(reference.deref() === undefined, others.length)
       process.exit()`,
      { flags: ['--expose-gc'] },
    )
    expect([stderr, stdout]).toEqual(['', 'true 2\n'])
  })
})

function bound(): { seen: Contexts['seen']; note: Contexts['note'] } {
  const contexts = new Contexts()
  return { seen: contexts.seen, note: (name, result) => contexts.note(name, result) }
}
