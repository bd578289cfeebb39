/** Known pitfalls of cancelation that have no test elsewhere. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as coreSleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Cancelable, CancelationError, CancelationToken, TimeoutSource } from '../../src/index.js'
import { kFirstChild, kNextSibling, kLinks, kExtras } from '../../src/cancelable/operation.js'
import { kTimerList } from '../../src/engine/timers.js'
import { kHub } from '../../src/sources/token.js'
import { runModule } from '../helpers/child.js'
import { deferred, never, rejection, turns } from './helpers.js'
import { reportedErrors } from '../helpers/reported-errors.js'

describe('pitfalls', () => {
  test('every observer gets the same error object', async () => {
    const operation = new Cancelable()
    const seen: unknown[] = []
    const run = operation.run(async (cancel) => {
      cancel.signal.addEventListener('abort', () => seen.push(cancel.signal.reason))
      await Promise.allSettled([
        cancel.sleep(60_000).catch((error: unknown) => seen.push(error)),
        cancel.race(never()).catch((error: unknown) => seen.push(error)),
        cancel
          .stream([never<number>()])
          .next()
          .catch((error: unknown) => seen.push(error)),
      ])
      cancel.throwIfCanceled()
    })
    operation.cancel('stop')
    const error = await rejection(run)
    expect(seen).toHaveLength(4)
    expect(new Set([...seen, error, operation.signal.reason]).size).toBe(1)
  })

  test('they get the same error object even if nothing has read it before', async () => {
    const operation = new Cancelable()
    const run = operation.run(() => never())
    operation.cancel('stop')
    const error = await rejection(run)
    expect(operation.signal.reason).toBe(error)
    expect((error as CancelationError).context).toBe(operation.context)
  })

  test('the first reason wins, even if sources report together', async () => {
    const token = new CancelationToken()
    const operation = new Cancelable({ token, sources: [new TimeoutSource(1)], timeout: 1 })
    const error = rejection(operation.run(() => never()))
    token.cancel('token')
    await coreSleep(5)
    expect(await error).toMatchObject({ message: 'token' })
    expect(operation.cancel('later')).toBe(false)
  })

  test('a listener that throws does not stop the process or the others, in any place', async () => {
    const errors = reportedErrors()
    const token = new CancelationToken()
    const failure = new Error('listener')
    token.onCancel(() => {
      throw failure
    })
    const operation = new Cancelable({
      token,
      sources: [
        {
          arm: () => ({
            [Symbol.dispose]() {
              throw failure
            },
          }),
        },
      ],
    })
      .onCancel(() => {
        throw failure
      })
      .enter()
    const child = operation.child().enter()
    expect(token.cancel()).toBe(true)
    expect(child.isCanceled).toBe(true)
    expect(errors).toHaveLength(3)
  })

  test('canceling again inside a listener does nothing; a listener added there is called; another operation can be canceled there', () => {
    const order: string[] = []
    const other = new Cancelable().onCancel(() => order.push('other')).enter()
    const operation = new Cancelable().enter()
    operation.onCancel(() => {
      order.push('first')
      expect(operation.cancel('again')).toBe(false)
      operation.onCancel(() => order.push('added'))
      other.cancel('chained')
      expect(other.isCanceled).toBe(true)
      order.push('end of first')
    })
    operation.onCancel(() => order.push('second'))
    operation.cancel('once')
    expect(order).toEqual(['first', 'added', 'end of first', 'second', 'other'])
    expect(operation.reason).toMatchObject({ message: 'once' })
  })

  test('a canceled operation releases everything at once, even if its body never settles', async () => {
    const token = new CancelationToken()
    const controller = new AbortController()
    const parent = new Cancelable().enter()
    const operation = new Cancelable({
      token,
      abortSignal: controller.signal,
      parent,
      timeout: '1h',
      signals: ['SIGUSR2'],
      grace: '1h',
    })
    void operation.run(() => never()).catch(() => undefined)
    operation.cancel()
    expect(token[kHub].head).toBeNull()
    expect(process.listenerCount('SIGUSR2')).toBe(0)
    expect(operation[kLinks]).toBeNull()
    // The run waits for its grace period; the parent would wait for that as well.
    expect(parent[kFirstChild]).toBe(operation)
    const quick = new Cancelable({ parent })
    void quick.run(() => never()).catch(() => undefined)
    quick.cancel()
    await turns(2)
    expect(parent[kFirstChild]![kNextSibling]).toBeNull()
    expect(operation[kTimerList]).not.toBeNull()
  })

  test('a rejecting promise is only created on request', async () => {
    const result = await runModule(`
      const { Cancelable, CancelationToken } = tripline
      process.on('unhandledRejection', (error) => { console.log('unhandled', error.message); process.exit(1) })
      const token = new CancelationToken()
      void token.whenCanceled()
      void token.signal
      const operation = new Cancelable({ token }).enter()
      void operation.signal
      const settled = Cancelable.run(async (cancel) => {
        void cancel.signal
        await cancel.sleep(1e6)
      }, { token }).catch(() => undefined)
      const late = Cancelable.run(() => new Promise((resolve, reject) => setTimeout(() => reject(new Error('late')), 20)), { token })
      late.catch(() => undefined)
      token.cancel()
      await settled
      await new Promise((resolve) => setTimeout(resolve, 40))
      console.log('fine')
    `)
    expect(result).toMatchObject({ code: 0, stdout: 'fine\n' })
  })

  test('row 159: many races against one promise share one reaction, and leave nothing behind', async () => {
    let reactions = 0
    const long = deferred<string>()
    const promise: PromiseLike<string> = {
      // oxlint-disable-next-line unicorn/no-thenable -- what any thenable does to us is what is tested
      then(...handlers) {
        reactions++
        return long.promise.then(...handlers)
      },
    }
    const waiting: Promise<unknown>[] = []
    for (let i = 0; i < 100; i++) {
      const operation = new Cancelable().enter()
      waiting.push(rejection(operation.race(promise)))
      operation.cancel(String(i))
    }
    await Promise.all(waiting)
    expect(reactions).toBe(1)
    const last = new Cancelable().enter()
    const results = [last.race(promise), last.race(promise)]
    long.resolve('there')
    expect(await Promise.all(results)).toEqual(['there', 'there'])
    expect(last[kExtras]!.firstWaiter).toBeNull()
    expect(await last.race(promise)).toBe('there')
    expect(reactions).toBe(2)
    last[Symbol.dispose]()
  })

  test('a race settles as its promise does, takes plain values, and ends with its operation', async () => {
    const operation = new Cancelable().enter()
    expect(await operation.race(5 as never)).toBe(5)
    expect(await rejection(operation.race(Promise.reject(new Error('x'))))).toMatchObject({ message: 'x' })
    const pending = operation.race(never())
    const asleep = operation.sleep('1h')
    operation[Symbol.dispose]()
    // No listener is needed.
    await turns(2)
    for (const each of [pending, asleep]) {
      expect(await rejection(each)).toMatchObject({ reason: { kind: 'parent', message: 'The parent operation ended' } })
    }
    const canceled = new Cancelable().enter()
    canceled.cancel('before')
    expect(await rejection(canceled.race(Promise.reject(new Error('unheard'))))).toMatchObject({ message: 'before' })
  })

  test('a pending timeout does not keep the process alive; a sleep and a grace period do', async () => {
    const idle = await runModule(`
      new tripline.Cancelable({ timeout: '1h', condition: () => false }).enter()
      console.log('end')
    `)
    expect(idle).toMatchObject({ code: 0, stdout: 'end\n' })
    const sleeping = await runModule(`
      await tripline.Cancelable.run((cancel) => cancel.sleep(30))
      console.log('slept')
    `)
    expect(sleeping).toMatchObject({ code: 0, stdout: 'slept\n' })
    const grace = await runModule(`
      const operation = new tripline.Cancelable({ grace: 30 })
      const run = operation.run(() => new Promise(() => {})).catch((error) => console.log(error.message))
      operation.cancel('stop')
      await run
    `)
    expect(grace).toMatchObject({ code: 0, stdout: 'stop\n' })
    const tooEarly = await runModule(`
      await tripline.Cancelable.run(() => new Promise(() => {}), { timeout: '1h' })
    `)
    expect(tooEarly.code).toBe(13)
  })

  test('the first SIGINT cancels, the second has its default effect', async () => {
    const result = await runModule(`
      const { Cancelable } = tripline
      await Cancelable.run((cancel) => {
        setTimeout(() => process.kill(process.pid, 'SIGINT'), 1)
        return cancel.sleep(1e6)
      }, { signals: ['SIGINT', 'SIGTERM'] }).catch((error) => console.log(error.reason.signal))
      process.kill(process.pid, 'SIGINT')
      setTimeout(() => console.log('survived'), 1e4)
    `)
    expect(result).toMatchObject({ signal: 'SIGINT', stdout: 'SIGINT\n' })
  })

  test('a body keeps its async context, whichever context cancels it', async () => {
    const storage = new AsyncLocalStorage<string>()
    const operation = new Cancelable()
    let inBody: string | undefined
    const run = storage.run('body', () =>
      operation.run(async (cancel) => {
        await cancel.sleep(60_000).catch(() => undefined)
        inBody = storage.getStore()
        return 1
      }),
    )
    storage.run('canceler', () => operation.cancel())
    expect(await run).toBe(1)
    expect(inBody).toBe('body')
  })

  test('the signal is a real one, which every core API takes', async () => {
    const operation = new Cancelable().enter()
    expect(operation.signal).toBeInstanceOf(AbortSignal)
    const any = AbortSignal.any([operation.signal])
    operation.cancel('stop')
    expect(any.aborted).toBe(true)
    expect(any.reason).toBe(operation.signal.reason)
    expect(await rejection(coreSleep(1, undefined, { signal: operation.signal }))).toMatchObject({ code: 'ABORT_ERR' })
  })

  test('ending twice, canceling after the end, ending inside a listener, disposing while shielded', async () => {
    const inside = new Cancelable().enter()
    inside.onCancel(() => inside[Symbol.dispose]())
    inside.cancel('x')
    expect(inside.context.status).toBe('canceled')
    const shielded = new Cancelable()
    let saved = false
    const run = shielded.run((cancel) =>
      cancel.shield(async () => {
        shielded[Symbol.dispose]()
        await turns(2)
        saved = true
      }),
    )
    await rejection(run)
    expect(saved).toBe(true)
    expect(shielded.cancel()).toBe(false)
    await shielded[Symbol.asyncDispose]()
    const operation = new Cancelable().enter()
    await operation[Symbol.asyncDispose]()
    await operation[Symbol.asyncDispose]()
    operation[Symbol.dispose]()
    expect(operation.context.status).toBe('disposed')
  })

  test('await using waits for children within the grace', async () => {
    const steps: string[] = []
    const parent = new Cancelable({ grace: '30s' }).enter()
    const child = parent.child({ grace: '30s' }).run(async (cancel) => {
      await cancel.sleep(60_000).catch(() => undefined)
      await coreSleep(3)
      steps.push('child')
    })
    await parent[Symbol.asyncDispose]()
    steps.push('parent')
    expect(steps).toEqual(['child', 'parent'])
    expect(parent.context.status).toBe('disposed')
    await child
  })

  test('row 68: nothing native is loaded for timeouts, tokens, conditions and streams', async () => {
    const result = await runModule(`
      const { Cancelable, CancelationToken } = tripline
      await Cancelable.run(async (cancel) => {
        for await (const item of cancel.stream([1, 2])) cancel.throwIfCanceled()
      }, { timeout: '1h', token: new CancelationToken(), condition: () => false })
      console.log(process.report.getReport().sharedObjects.some((path) => path.endsWith('.node')))
    `)
    expect(result).toMatchObject({ code: 0, stdout: 'false\n' })
  })

  test('row 160: a sleep ends after its time or with a cancelation, and checks its argument', async () => {
    const operation = new Cancelable().enter()
    const start = performance.now()
    await operation.sleep('5ms')
    expect(performance.now() - start).toBeGreaterThanOrEqual(5)
    expect(await operation.sleep(0)).toBeUndefined()
    for (const bad of [-1, Number.NaN, Infinity, 'soon', null]) {
      expect(() => operation.sleep(bad as never)).toThrow(/duration/)
    }
    const asleep = rejection(operation.sleep('1h'))
    operation.cancel('wake up')
    expect(await asleep).toMatchObject({ message: 'wake up' })
    expect(await rejection(operation.sleep(1))).toBe(await asleep)
    operation[Symbol.dispose]()
  })

  test('a subscriber to the channels receives every cancelation', () => {
    const messages: unknown[] = []
    const listener = (message: unknown): void => void messages.push(message)
    subscribe('tripline:cancel', listener)
    const operation = new Cancelable({ name: 'job' }).enter()
    const child = operation.child().enter()
    operation.cancel('x')
    unsubscribe('tripline:cancel', listener)
    expect(messages).toEqual([
      { operation: operation.context, reason: operation.reason },
      { operation: child.context, reason: child.reason },
    ])
  })
})
