/** `tripline/context`: the current operation, and operations that start in the body of another. */
import { execFileSync } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { Readable } from 'node:stream'
import { setTimeout as coreSleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Cancelable, CancelationToken, cancelable, cancelableStream } from '../../src/index.js'
import { extrasOf } from '../../src/cancelable/operation.js'
import { currentOperation } from '../../src/context/index.js'
import { deferred, never, rejection, turns } from './helpers.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Waits in several ways, and collects what is current instead of the operation. */
async function findSelf(cancel: Cancelable, wrong: unknown[]): Promise<void> {
  for (let i = 0; i < 5; i++) {
    if (i % 2 === 0) await new Promise(setImmediate)
    else await cancel.sleep(Math.random() * 3)
    if (currentOperation() !== cancel) wrong.push(currentOperation())
  }
}

describe('currentOperation()', () => {
  test('is the operation of the body: before and after an await, and in what it calls', async () => {
    expect(currentOperation()).toBeUndefined()
    await Cancelable.run(async (cancel) => {
      expect(currentOperation()).toBe(cancel)
      await coreSleep(1)
      expect(currentOperation()).toBe(cancel)
      await cancel.sleep(1)
      expect(currentOperation()).toBe(cancel)
      await cancel.child().run(async (inner) => {
        await inner.yield()
        expect(currentOperation()).toBe(inner)
      })
      expect(currentOperation()).toBe(cancel)
    })
    expect(currentOperation()).toBeUndefined()
  })

  test('is the operation of a body that something surrounds', async () => {
    const operation = new Cancelable()
    extrasOf(operation).around = (body) => body()
    await operation.run((cancel) => expect(currentOperation()).toBe(cancel))
  })

  test('is right in timers and microtasks, and in shields', async () => {
    const seen: unknown[] = []
    const note = (): void => void seen.push(currentOperation())
    const operation = new Cancelable()
    await operation.run(async (cancel) => {
      setTimeout(note, 1)
      setImmediate(note)
      queueMicrotask(note)
      process.nextTick(note)
      await cancel.shield((inner) => expect(currentOperation()).toBe(inner))
      await coreSleep(5)
    })
    expect(seen).toEqual([operation, operation, operation, operation])
  })

  test('is right in listeners, cleanups and emitters, wherever the cancelation comes from', async () => {
    const token = new CancelationToken()
    const seen: Record<string, unknown> = {}
    const note = (name: string) => () => void (seen[name] = currentOperation())
    const operation = new Cancelable({ token }).onCancel(note('onCancel outside')).onStart(note('onStart'))
    const run = operation.run(async (cancel) => {
      const emitter = new EventEmitter().on('news', note('emitter'))
      cancel.onCancel(note('onCancel inside'))
      cancel.onProgress(note('onProgress'))
      cancel.signal.addEventListener('abort', note('abort'))
      cancel.defer(note('defer'))
      cancel.reportProgress('half')
      emitter.emit('news')
      await cancel.sleep('1h')
    })
    token.cancel('stop')
    await rejection(run)
    const names = ['onStart', 'onProgress', 'emitter', 'abort', 'onCancel outside', 'onCancel inside', 'defer']
    expect(seen).toEqual(Object.fromEntries(names.map((name) => [name, operation])))
  })

  test('is right in streams and generators: that of the stream in its source, that of the body in the loop', async () => {
    const seen: unknown[] = []
    async function* source(): AsyncGenerator<number> {
      try {
        for (let i = 0; i < 3; i++) {
          seen.push(currentOperation())
          await coreSleep(1)
          seen.push(currentOperation())
          yield i
        }
      } finally {
        seen.push(currentOperation())
      }
    }
    const operation = new Cancelable()
    await operation.run(async (cancel) => {
      const stream = cancel.stream(source())
      // Read in another operation's body.
      await Cancelable.run(async (other) => {
        for await (const item of stream) {
          expect(currentOperation()).toBe(other)
          if (item === 1) break
        }
      })
    })
    expect(new Set(seen)).toEqual(new Set([operation]))
    seen.length = 0
    for await (const each of cancelableStream(source())) void each
    expect(new Set(seen).size).toBe(1)
    expect(seen[0]).toBeInstanceOf(Cancelable)
    const other = new Cancelable()
    await other.run(async (cancel) => {
      for await (const each of cancel.stream(Readable.from(['a', 'b']))) {
        void each
        expect(currentOperation()).toBe(cancel)
      }
    })
  })

  test('a thousand interleaved operations each find themselves', async () => {
    const wrong: unknown[] = []
    const check = (inner: Cancelable): Promise<void> => findSelf(inner, wrong)
    await Cancelable.run(async (cancel) => {
      await cancel.all(Array.from({ length: 1000 }, () => check))
    })
    expect(wrong).toEqual([])
  })
})

describe('operations that start in the body of another', () => {
  test('have it as their parent, however deep in other functions', async () => {
    const insert = cancelable({ name: 'insert' }, async (cancel) => {
      await turns()
      return [
        cancel.context.parentId,
        await Promise.resolve().then(() => Cancelable.run((inner) => inner.context.parentId)),
      ]
    })
    const operation = new Cancelable()
    const [parentId, grandparent] = (await operation.run(() => insert())) as [string, string]
    expect(parentId).toBe(operation.context.id)
    expect(grandparent).not.toBe(operation.context.id)
    expect(await insert().then(([id]) => id)).toBeUndefined()
  })

  test('are canceled with it, and roll back before its caller goes on', async () => {
    const steps: string[] = []
    const token = new CancelationToken()
    const insert = cancelable({}, async (cancel) => {
      try {
        await cancel.sleep('1h')
      } catch (error) {
        await coreSleep(15)
        steps.push('rolled back')
        throw error
      }
    })
    const run = Cancelable.run(() => insert(), { token })
    await turns()
    token.cancel('user')
    expect(await rejection(run)).toMatchObject({ message: 'user' })
    expect(steps).toEqual(['rolled back'])
  })

  test('blocks and streams as well; after the end of the body they are refused', async () => {
    const late = deferred<unknown>()
    await Cancelable.run(async (cancel) => {
      using block = new Cancelable().enter()
      expect(block.context.parentId).toBe(cancel.context.id)
      const stream = cancelableStream(['a'])
      expect(await stream.next()).toMatchObject({ value: 'a' })
      setTimeout(() => late.resolve(rejection(Cancelable.run(() => 'must not run'))), 5)
    })
    expect(await late.promise).toMatchObject({ message: 'The parent operation ended' })
  })

  test('have none with parent: null, and another one if they name it', async () => {
    using other = new Cancelable().enter()
    await Cancelable.run(async () => {
      expect(await Cancelable.run((inner) => inner.context.parentId, { parent: null })).toBeUndefined()
      expect(await Cancelable.run((inner) => inner.context.parentId, { parent: other })).toBe(other.context.id)
      expect(await other.child().run((inner) => inner.context.parentId)).toBe(other.context.id)
    })
    const operation = new Cancelable()
    const kept = deferred<unknown>()
    const go = deferred()
    await operation.run(() => {
      kept.resolve(Cancelable.run(() => go.promise.then(() => 'outlives it'), { parent: null }))
    })
    go.resolve()
    expect(await kept.promise).toBe('outlives it')
  })

  test('in a listener or a cleanup of a canceled operation they run, because they could not otherwise', async () => {
    const steps: string[] = []
    const rollBack = cancelable({ timeout: '5s' }, async (cancel) => {
      await cancel.sleep(1)
      steps.push('rolled back')
    })
    const notify = cancelable({}, () => void steps.push('notified'))
    const operation = new Cancelable()
    const run = operation.run(async (cancel) => {
      cancel.defer(() => rollBack())
      cancel.onCancel(() => notify())
      await cancel.sleep('1h')
    })
    operation.cancel('stop')
    await rejection(run)
    expect(steps).toEqual(['notified', 'rolled back'])
  })

  test('an operation does not become a child of one below it', async () => {
    const above = new Cancelable()
    let parentId: unknown = 'not run'
    const below = above.child().run(() => above.run(() => (parentId = above.context.parentId)))
    // It ends with its parent.
    expect(await rejection(below)).toMatchObject({ reason: { kind: 'parent' } })
    expect(parentId).toBeUndefined()
  })

  test('nor of one that was below it, and whose body goes on', async () => {
    const above = new Cancelable()
    const resumed = deferred()
    const started = deferred<unknown>()
    const below = above.child({ grace: 0 })
    const run = below.run(async () => {
      await resumed.promise
      await above.run(() => 1).then(started.resolve, started.resolve)
    })
    below.cancel('stop')
    await rejection(run)
    expect(below.context.status).toBe('abandoned')
    resumed.resolve()
    expect(await started.promise).toBe(1)
    expect(above.context.parentId).toBeUndefined()
  })

  test('one that has children already has the operation of the body as its parent nevertheless', async () => {
    const above = new Cancelable()
    const child = above.child().enter()
    await Cancelable.run(async (cancel) => {
      await above.run(() => expect(above.context.parentId).toBe(cancel.context.id))
    })
    expect(child.isCanceled).toBe(true)
  })

  test('progress, idle time and errors go the same way as with an explicit parent', async () => {
    const seen: string[] = []
    const operation = new Cancelable().onProgress(({ message }) => seen.push(message))
    const run = operation.run(async () => {
      void Cancelable.run((inner) => {
        inner.reportProgress('below')
        return never()
      })
      await turns()
      return 'done'
    })
    expect(await run).toBe('done')
    expect(seen).toEqual(['below'])
  })
})

test('without the import, no AsyncLocalStorage is made; both ways of loading share it', () => {
  const program = `
    const hooks = require('node:async_hooks')
    let made = 0
    hooks.AsyncLocalStorage = class extends hooks.AsyncLocalStorage { constructor(...args) { super(...args); made++ } }
    const { Cancelable } = require('./dist/index.cjs')
    const parentOf = () => Cancelable.run(() => Cancelable.run((inner) => inner.context.parentId !== undefined))
    const out = []
    parentOf().then(async (linked) => {
      out.push(made, linked)
      const { currentOperation } = require('./dist/context.cjs')
      const esm = await import('./dist/context.js')
      out.push(made, await parentOf(), esm.currentOperation === currentOperation)
      console.log(JSON.stringify(out))
    })`
  const output = execFileSync(process.execPath, ['-e', program], { cwd: root, encoding: 'utf8' })
  expect(JSON.parse(output)).toEqual([0, false, 1, true, true])
})
