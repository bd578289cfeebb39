/** Regions: calls that end when their operation is canceled, although they never look. */
import { AsyncLocalStorage, AsyncResource, executionAsyncId } from 'node:async_hooks'
import { spawn, spawnSync } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { setTimeout as later } from 'node:timers/promises'
import { createContext, runInContext, runInThisContext, Script } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { describe, expect, test, vi } from 'vitest'
import * as board from '../../src/addon/board.js'
import { connect } from '../../src/addon/sampler.js'
import { loadedCopies } from '../../src/base/loaded-copies.js'
import {
  allOf,
  Cancelable,
  CancelationError,
  CancelationToken,
  preemption,
  TimeoutSource,
  TokenSource,
} from '../../src/index.js'
import { useClock } from '../../src/testing/index.js'
import { rejection, thrown } from './helpers.js'
import { racingRegions } from './racing-regions.js'

const copy = (value: unknown): unknown => structuredClone(value)
const print = (value: bigint): string => value.toString()
function* numbers(): Generator<number> {
  for (let i = 0; ; i++) yield i
}

/** Code that never looks and never ends. */
const ENDLESS: Readonly<Record<string, () => unknown>> = {
  'an empty loop': () => {
    for (;;);
  },
  'a regular expression': () => /^(a+)+$/.test(`${'a'.repeat(40)}!`),
  'calls of Math': () => {
    for (let i = 0; ; i++) Math.sqrt(i)
  },
  'a recursion that goes up and down': () => {
    const deep = (left: number): number => (left === 0 ? 0 : 1 + deep(left - 1))
    for (;;) deep(5000)
  },
  'a loop far down': () => {
    const deep = (left: number): number => {
      if (left > 0) return 1 + deep(left - 1)
      for (;;);
    }
    return deep(7000)
  },
  'a sort with a comparator': () => {
    const list = Array.from({ length: 1e6 }, (_, i) => (i * 7919) % 1e6)
    for (;;) list.toSorted((a, b) => a - b)
  },
  'JSON.stringify': () => {
    const data = Array.from({ length: 1e5 }, (_, i) => ({ i, text: 'x' }))
    for (;;) JSON.stringify(data)
  },
  structuredClone: () => {
    const data = Array.from({ length: 100 }, (_, i) => ({ i }))
    for (;;) copy(data)
  },
  BigInt: () => {
    for (;;) print(7n ** 5000n)
  },
  'a generator': () => {
    let sum = 0
    for (const i of numbers()) sum += i
    return sum
  },
  'a catch that never lets go': () => {
    for (;;) {
      try {
        throw new Error('x')
      } catch {
        continue
      }
    }
  },
  'another context': () => runInContext('for (;;);', createContext({})) as unknown,
  'a script': () => new Script('for (;;);').runInThisContext() as unknown,
}

/** A new function, which V8 optimizes anew. */
function fresh(body: string): (...values: unknown[]) => void {
  return runInThisContext(`(function (resource, storage, fn, n) { ${body} })`) as () => void
}

async function endOf(fn: () => unknown, options: object = { timeout: 30 }): Promise<unknown> {
  return rejection(Cancelable.run((cancel) => cancel.preemptible(fn), options))
}

test('works in Node', () => {
  expect(preemption()).toEqual({ available: true, why: '' })
})

describe('ends', () => {
  test.each(Object.entries(ENDLESS))('%s', async (_, fn) => {
    const error = await endOf(fn)
    expect(error).toBeInstanceOf(CancelationError)
    expect((error as CancelationError).reason.kind).toBe('timeout')
  })
})

const LIBRARY = JSON.stringify(new URL('../../dist/index.cjs', import.meta.url).pathname)

const raise = (): unknown => process.kill(process.pid, 'SIGUSR2')

function spin(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

describe('is ended by', () => {
  test('the time of a parent', async () => {
    const error = await rejection(
      Cancelable.run((parent) => parent.child().run((cancel) => cancel.preemptible(ENDLESS['an empty loop']!)), {
        timeout: 30,
      }),
    )
    expect((error as CancelationError).reason.kind).toBe('timeout')
  })

  test('a deadline on the wall clock', async () => {
    const error = await endOf(ENDLESS['an empty loop']!, { deadline: new Date(Date.now() + 30) })
    expect((error as CancelationError).reason.kind).toBe('timeout')
  })

  test('a deadline of a parent on the wall clock, which was set back meanwhile', async () => {
    const date = vi.spyOn(Date, 'now')
    try {
      const error = await rejection(
        Cancelable.run(
          (parent) =>
            parent.child().run((cancel) =>
              cancel.preemptible(() => {
                date.mockReturnValue(0)
                for (;;);
              }),
            ),
          { deadline: new Date(Date.now() + 500) },
        ),
      )
      expect(error).toMatchObject({ reason: { kind: 'timeout', timeout: 0, message: 'The time had run out already' } })
    } finally {
      date.mockRestore()
    }
  })

  test('a token that another thread cancels, with its reason', async () => {
    const token = new CancelationToken()
    const worker = new Worker(
      `const { CancelationToken } = require(${LIBRARY})
       const { workerData, parentPort } = require('node:worker_threads')
       parentPort.postMessage('ready')
       setTimeout(() => CancelationToken.from(workerData).cancel('enough'), 50)`,
      { eval: true, workerData: token.share() },
    )
    await once(worker, 'message')
    const error = await endOf(ENDLESS['an empty loop']!, { token })
    expect((error as CancelationError).reason).toMatchObject({ kind: 'manual', message: 'enough' })
    await once(worker, 'exit')
  })

  test('an operation that another thread cancels', async () => {
    const error = await rejection(
      Cancelable.run(async (cancel) => {
        const worker = new Worker(
          `const { Cancelable } = require(${LIBRARY})
           const { workerData, parentPort } = require('node:worker_threads')
           const copy = Cancelable.from(workerData)
           copy.run(() => new Promise(() => undefined)).catch(() => undefined)
           parentPort.postMessage('ready')
           setTimeout(() => copy.cancel('from there'), 50)`,
          { eval: true, workerData: cancel.share() },
        )
        await once(worker, 'message')
        cancel.preemptible(ENDLESS['an empty loop']!)
      }),
    )
    expect((error as CancelationError).reason.message).toContain('from there')
  })

  test('a guard, with its breach', async () => {
    const held: Uint8Array[] = []
    const limit = process.memoryUsage.rss() + 100e6
    const error = await endOf(
      () => {
        for (;;) if (held.length < 400) held.push(new Uint8Array(1e6).fill(1))
      },
      { resources: { 'process.rss': { above: limit } } },
    )
    expect((error as CancelationError).reason).toMatchObject({ kind: 'resource', breach: { metric: 'process.rss' } })
  })

  test('all of several sources, not one of them', async () => {
    const token = new CancelationToken()
    token.share()
    const sources = [allOf(new TimeoutSource(5), new TokenSource(token))]
    // One of them alone does not end it.
    const result = await Cancelable.run((cancel) => cancel.preemptible(() => (spin(60), 'done')), { sources })
    expect(result).toBe('done')
    const both = [allOf(new TimeoutSource(5), new TimeoutSource(40))]
    expect(((await endOf(ENDLESS['an empty loop']!, { sources: both })) as CancelationError).reason.kind).toBe('all')
  })

  test('an option idle, which signs of life postpone', async () => {
    const result = await Cancelable.run(
      (cancel) =>
        cancel.preemptible(() => {
          for (let i = 0; i < 12; i++) {
            spin(100)
            cancel.touch()
          }
          return 'alive'
        }),
      { idle: 1000 },
    )
    expect(result).toBe('alive')
    expect(((await endOf(ENDLESS['an empty loop']!, { idle: 30 })) as CancelationError).reason.kind).toBe('idle')
  })

  test('its own code, which cancels a token or the operation', async () => {
    const token = new CancelationToken()
    const byToken = await endOf(
      () => {
        token.cancel('inside')
        for (;;);
      },
      { token },
    )
    expect((byToken as CancelationError).reason.message).toBe('inside')
    const own = await rejection(
      Cancelable.run((cancel) =>
        cancel.preemptible(() => {
          cancel.cancel('myself')
          for (;;);
        }),
      ),
    )
    expect((own as CancelationError).reason.message).toBe('myself')
  })

  test('a new time that its own code has set, and not the old one', async () => {
    const result = await Cancelable.run(
      (cancel) =>
        cancel.preemptible(() => {
          cancel.extend(5000)
          spin(80)
          return 'extended'
        }),
      { timeout: 40 },
    )
    expect(result).toBe('extended')
  })

  test.skipIf(process.platform === 'win32')('an OS signal that comes now, not one that came before', async () => {
    const signals: NodeJS.Signals[] = ['SIGUSR2']
    using keep = new Cancelable({ signals }).enter()
    raise()
    while (!keep.isCanceled) await later(1)
    // Another operation keeps the handler.
    using other = new Cancelable({ signals }).enter()
    const calm = new Cancelable({ signals, timeout: '1h' })
    const result = await calm.run((cancel) => cancel.preemptible(() => (cancel.extend('1h'), spin(60), 'done')))
    expect(result).toBe('done')
    const operation = new Cancelable({ signals, timeout: '1h' })
    const run = operation.run((cancel) =>
      cancel.preemptible(() => {
        raise()
        // What is watched is read anew, and the signal is not forgotten.
        cancel.extend('1h')
        for (;;);
      }),
    )
    expect(((await rejection(run)) as CancelationError).reason.kind).toBe('signal')
    while (!other.isCanceled) await later(1)
  })

  test.skipIf(process.platform === 'win32')(
    'an OS signal, of which listeners learn before the loop turns',
    async () => {
      const seen: string[] = []
      const operation = new Cancelable({ signals: ['SIGUSR2'] }).onCancel(({ kind }) => seen.push(kind)).enter()
      const error = thrown(() =>
        operation.preemptible(() => {
          raise()
          for (;;);
        }),
      )
      expect(error).toMatchObject({ reason: { kind: 'signal', signal: 'SIGUSR2' } })
      // Only promises go on meanwhile.
      for (let i = 0; i < 10; i++) await Promise.resolve()
      expect(seen).toEqual(['signal'])
      operation[Symbol.dispose]()
    },
  )

  test.skipIf(process.platform === 'win32')('an OS signal', async () => {
    const program = `
      const { Cancelable } = require(${LIBRARY})
      Cancelable.run((cancel) => cancel.preemptible(() => { console.log('blocked'); for (;;); }), { signals: ['SIGINT'] })
        .catch((error) => { console.log(error.reason.kind, error.reason.signal); setTimeout(() => console.log('alive'), 10) })`
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (text.includes('blocked')) setTimeout(() => child.kill('SIGINT'), 50)
    })
    const [code] = (await once(child, 'close')) as [number]
    expect(output.trim().split('\n')).toEqual(['blocked', 'signal SIGINT', 'alive'])
    expect(code).toBe(0)
  })
})

describe('what it does besides', () => {
  test('passes on results and errors, and leaves no trace', async () => {
    await Cancelable.run(
      (cancel) => {
        expect(cancel.preemptible(() => 7)).toBe(7)
        expect(cancel.preemptible(() => undefined)).toBeUndefined()
        const error = new Error('own')
        expect(
          thrown(() =>
            cancel.preemptible(() => {
              throw error
            }),
          ),
        ).toBe(error)
        return 0
      },
      { timeout: 60_000 },
    )
  })

  test("throws the operation's own error, and a catch around the call gets it", async () => {
    let caught: unknown
    const error = await rejection(
      Cancelable.run(
        (cancel) => {
          try {
            cancel.preemptible(ENDLESS['an empty loop']!)
          } catch (given) {
            caught = given
            expect(cancel.isCanceled).toBe(true)
            expect(cancel.signal.reason).toBe(given)
            throw given
          }
        },
        { timeout: 20 },
      ),
    )
    expect(caught).toBe(error)
  })

  test('a finally inside does not run, one around it does', async () => {
    const ran: string[] = []
    await endOf(() => {
      try {
        for (;;);
      } finally {
        ran.push('inside')
      }
    })
    await rejection(
      Cancelable.run(
        (cancel) => {
          try {
            cancel.preemptible(ENDLESS['an empty loop']!)
          } finally {
            ran.push('around')
          }
        },
        { timeout: 20 },
      ),
    )
    expect(ran).toEqual(['around'])
  })

  test('refuses what it cannot end', async () => {
    await Cancelable.run((cancel) => {
      const begun: string[] = []
      const asynchronous = async (): Promise<void> => void begun.push('asynchronous')
      const refused = thrown(() => cancel.preemptible(asynchronous))
      expect(refused).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
      expect((refused as Error).message).toContain('this one is asynchronous')
      expect(begun).toEqual([])
      expect(thrown(() => cancel.preemptible(function* () {}))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
      const error = thrown(() => cancel.preemptible(() => Promise.reject(new Error('unhandled?'))))
      expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
      expect((error as Error).message).toContain('has returned a promise')
      expect(thrown(() => cancel.preemptible(7 as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    })
    await later(0)
    const before = thrown(() => new Cancelable().preemptible(() => 1))
    expect(before).toMatchObject({ code: 'ERR_INVALID_STATE' })
    const ended = new Cancelable()
    await ended.run(() => 1)
    expect(thrown(() => ended.preemptible(() => 1))).toBeInstanceOf(CancelationError)
    let ran = false
    const canceled = new Cancelable({ timeout: 0 })
    await rejection(canceled.run(() => 1))
    expect(thrown(() => canceled.preemptible(() => (ran = true)))).toBeInstanceOf(CancelationError)
    expect(ran).toBe(false)
  })

  test('refuses to begin while another copy of the library is loaded', async () => {
    await Cancelable.run((cancel) => {
      expect(cancel.preemptible(() => 1)).toBe(1)
      loadedCopies.add('/elsewhere/index.js')
      try {
        expect(thrown(() => cancel.preemptible(() => 2))).toMatchObject({
          code: 'ERR_TRIPLINE_PREEMPTION_UNAVAILABLE',
          message: expect.stringContaining('/elsewhere/index.js'),
        })
      } finally {
        loadedCopies.delete('/elsewhere/index.js')
      }
      expect(cancel.preemptible(() => 3)).toBe(3)
    })
  })

  test('says why a region could not begin, or that one around it has ended, though no operation is canceled', async () => {
    const call = vi.spyOn(connect(), 'region').mockReturnValue('no thread could be started')
    const end = vi.spyOn(board, 'regionEnd')
    try {
      await Cancelable.run((cancel) => {
        end.mockReturnValueOnce(board.REFUSED)
        expect(thrown(() => cancel.preemptible(() => 1))).toMatchObject({
          code: 'ERR_TRIPLINE_PREEMPTION_UNAVAILABLE',
          why: 'no thread could be started',
        })
        end.mockReturnValueOnce(board.ENDED_WITH_OUTER)
        expect(thrown(() => cancel.preemptible(() => 1))).toMatchObject({
          code: 'ERR_INVALID_STATE',
          message: expect.stringContaining('the region around this one was ended'),
        })
        expect(cancel.isCanceled).toBe(false)
      })
    } finally {
      call.mockRestore()
      end.mockRestore()
    }
  })

  test('a time on the clock of a test is not over while that clock stands still', async () => {
    using clock = useClock()
    const operation = new Cancelable({ timeout: 20 }).enter()
    expect(operation.preemptible(() => (spin(60), 'done'))).toBe('done')
    await clock.advance(20)
    expect(thrown(() => operation.preemptible(() => 'late'))).toMatchObject({ reason: { kind: 'timeout' } })
  })

  test('a region whose operation is canceled is ordered to end once, whatever else is canceled', async () => {
    const order = vi.spyOn(connect(), 'orderRegion')
    const emitter = new EventEmitter()
    try {
      const error = await rejection(
        Cancelable.run((cancel) => {
          // It is not ended while a function of Node calls it.
          emitter.on('x', () => {
            new CancelationToken().cancel('nothing waits for it')
            expect(order).not.toHaveBeenCalled()
            cancel.cancel('enough')
            new CancelationToken().cancel('nothing waits for it')
          })
          cancel.preemptible(() => {
            emitter.emit('x')
            for (;;);
          })
        }),
      )
      expect(error).toMatchObject({ message: 'enough' })
      expect(order.mock.calls).toEqual([[0]])
    } finally {
      order.mockRestore()
    }
  })

  test('what is watched anew is watched once', async () => {
    const watch = vi.spyOn(connect(), 'watchRegion')
    const token = new CancelationToken()
    token.share()
    try {
      await Cancelable.run(
        (cancel) =>
          cancel.preemptible(() => {
            for (let i = 0; i < 3; i++) cancel.touch()
          }),
        { token, idle: 60_000 },
      )
      expect(watch.mock.calls.map(([depth, , arrays]) => [depth, arrays.length])).toEqual([
        [0, 1],
        [0, 1],
        [0, 1],
      ])
    } finally {
      watch.mockRestore()
    }
  })

  /* oxlint-disable unicorn/no-thenable -- what thenables do to us is what is tested */
  test('runs no code of the result', async () => {
    await Cancelable.run((cancel) => {
      const results = [
        Object.defineProperty({}, 'then', { get: ENDLESS['an empty loop']! }),
        new Proxy({}, { get: ENDLESS['an empty loop']!, getOwnPropertyDescriptor: ENDLESS['an empty loop']! as never }),
        Object.assign(() => undefined, { then: 7 }),
        Object.create(null),
      ]
      for (const each of results) expect(cancel.preemptible(() => each)).toBe(each)
      let asked = false
      class Query {
        then(): void {
          asked = true
        }
      }
      const error = thrown(() => cancel.preemptible(() => new Query()))
      expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
      expect(asked).toBe(false)
    })
  })
  /* oxlint-enable unicorn/no-thenable */

  test('nested: the outer order ends both, the inner one only the inner', async () => {
    const trace: string[] = []
    const outer = await rejection(
      Cancelable.run(
        (cancel) =>
          cancel.preemptible(() => {
            const inner = new Cancelable({ parent: null }).enter()
            try {
              inner.preemptible(ENDLESS['an empty loop']!)
            } catch (error) {
              trace.push((error as CancelationError).reason.kind)
              for (;;);
            }
          }),
        { timeout: 40 },
      ),
    )
    expect((outer as CancelationError).reason.kind).toBe('timeout')
    expect(trace).toEqual(['timeout'])
    const result = await Cancelable.run(
      (cancel) =>
        cancel.preemptible(() => {
          const inner = new Cancelable({ timeout: 20 }).enter()
          return (thrown(() => inner.preemptible(ENDLESS['an empty loop']!)) as CancelationError).reason.kind
        }),
      { timeout: 60_000 },
    )
    expect(result).toBe('timeout')
  })

  test('waits while JavaScript of Node runs its callback', async () => {
    const emitter = new EventEmitter()
    let finished = false
    emitter.on('x', () => {
      spin(120)
      finished = true
    })
    await endOf(() => {
      emitter.emit('x')
      for (;;);
    })
    expect(finished).toBe(true)
  })

  test('waits while JavaScript of this library runs its callback', async () => {
    let finished = false
    await endOf(() => {
      const token = new CancelationToken()
      token.onCancel(() => {
        spin(120)
        finished = true
      })
      token.cancel()
      for (;;);
    })
    expect(finished).toBe(true)
  })

  test('a timeout of vm inside, and a region inside such a timeout', async () => {
    const result = await Cancelable.run(
      (cancel) => cancel.preemptible(() => thrown(() => runInContext('for (;;);', createContext({}), { timeout: 20 }))),
      { timeout: 60_000 },
    )
    expect(result).toMatchObject({ code: 'ERR_SCRIPT_EXECUTION_TIMEOUT' })
    const cancel = new Cancelable({ timeout: 60_000 }).enter()
    const context = createContext({ work: () => cancel.preemptible(ENDLESS['an empty loop']!) })
    expect(thrown(() => runInContext('work()', context, { timeout: 20 }))).toMatchObject({
      code: 'ERR_SCRIPT_EXECUTION_TIMEOUT',
    })
    // The next region is not confused by the one that was torn away.
    expect(cancel.preemptible(() => 5)).toBe(5)
    cancel.complete()
  })

  test('process.exit inside', () => {
    const program = `
      const { Cancelable } = require(${LIBRARY})
      Cancelable.run((cancel) => cancel.preemptible(() => process.exit(7)), { timeout: 60_000 })`
    const { status, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' })
    expect([status, stderr]).toEqual([7, ''])
  })

  test('in a worker, which is terminated in the middle of it', async () => {
    for (let round = 0; round < 10; round++) {
      const worker = new Worker(
        `const { Cancelable } = require(${LIBRARY})
         const { parentPort } = require('node:worker_threads')
         const loop = () => { for (;;); }
         const runs = () => Cancelable.run((cancel) => cancel.preemptible(loop), { timeout: 3 })
           .catch((error) => { parentPort.postMessage(error.reason.kind); return runs() })
         runs()`,
        { eval: true },
      )
      const [kind] = (await once(worker, 'message')) as [string]
      expect(kind).toBe('timeout')
      await later(round)
      expect(await worker.terminate()).toBe(1)
    }
  })
})

describe('nothing is left behind', () => {
  test('where V8 has inlined functions of Node', { timeout: 60_000 }, async () => {
    const storage = new AsyncLocalStorage<number>()
    const resource = storage.run(5, () => new AsyncResource('TEST'))
    const bodies = ['for (;;) resource.runInAsyncScope(fn)', 'for (;;) if (n++ % 2 === 0) storage.run(n, fn)']
    let ended = 0
    for (let i = 0; i < 40; i++) {
      const loop = fresh(bodies[i % 2]!)
      const small = fresh('return 1')
      await Cancelable.run(
        (cancel) => {
          const before = executionAsyncId()
          expect(thrown(() => cancel.preemptible(() => loop(resource, storage, small, 0)))).toBeInstanceOf(
            CancelationError,
          )
          expect(executionAsyncId()).toBe(before)
          expect(storage.getStore()).toBeUndefined()
          ended++
        },
        { timeout: 2 },
      ).catch((error: unknown) => expect(error).toBeInstanceOf(CancelationError))
    }
    expect(ended).toBeGreaterThan(0)
  })

  test('where Node has entered async scopes and not left them', () => {
    // It does that where V8 has inlined its code. It ends the process when the scope around is left, unless they are gone.
    const program = `
      const { pushAsyncContext } = require('internal/test/binding').internalBinding('async_wrap')
      const { executionAsyncId } = require('node:async_hooks')
      const { Cancelable } = require(${LIBRARY})
      const endless = (cancel) => {
        for (let id = 1e6; id < 1e6 + 3; id++) pushAsyncContext(id, 1)
        console.log(executionAsyncId())
        cancel.extend(10)
        for (;;);
      }
      Cancelable.run((cancel) => {
        // Loads what regions need.
        cancel.preemptible(() => undefined)
        const before = executionAsyncId()
        try {
          cancel.preemptible(() => endless(cancel))
        } finally {
          console.log(executionAsyncId() - before)
        }
      }).catch((error) => console.log(error.reason.kind))`
    const { status, stdout } = spawnSync(process.execPath, ['--expose-internals', '-e', program], { encoding: 'utf8' })
    expect([stdout, status]).toEqual(['1000002\n0\ntimeout\n', 0])
  })

  test("loops that call nothing but the library's functions end, and leave it whole", async () => {
    const token = new CancelationToken()
    const emitter = new EventEmitter()
    const outer: string[] = []
    const loops: Readonly<Record<string, (cancel: Cancelable) => void>> = {
      progress: (cancel) => cancel.reportProgress({ done: 1, total: 2 }),
      signs: (cancel) => cancel.touch(),
      tokens: () => {
        const each = new CancelationToken()
        each.onCancel(() => outer.push('x'))
        each.cancel()
        outer.length = 0
      },
      operations: () => {
        const each = new Cancelable({ parent: null }).enter()
        each.onCancel(() => undefined).cancel()
        each[Symbol.dispose]()
      },
      'called by Node': (cancel) => {
        emitter.once('x', () => cancel.reportProgress('x')).emit('x')
      },
    }
    for (const [name, call] of Object.entries(loops)) {
      for (let i = 0; i < 5; i++) {
        const error = await rejection(
          Cancelable.run(
            (cancel) => {
              cancel.onProgress(() => undefined)
              return cancel.preemptible(() => {
                for (;;) call(cancel)
              })
            },
            { timeout: 3, idle: 60_000, token },
          ),
        )
        expect((error as CancelationError).reason.kind, name).toBe('timeout')
        let seen = 0
        const next = new CancelationToken()
        next.onCancel(() => seen++)
        next.cancel()
        expect(seen, name).toBe(1)
      }
    }
  })

  test('a function of the library that Node calls goes on', async () => {
    const emitter = new EventEmitter()
    const reports: unknown[] = []
    await rejection(
      Cancelable.run(
        (cancel) => {
          cancel.onProgress((progress) => reports.push(progress.done))
          emitter.on('x', () => {
            spin(60)
            for (let i = 0; i < 20; i++) cancel.reportProgress({ done: i, total: 20 })
          })
          cancel.preemptible(() => {
            emitter.emit('x')
            for (;;);
          })
        },
        { timeout: 20 },
      ),
    )
    expect(reports).toHaveLength(20)
  })

  test('a hundred regions under racing orders, with Node and this library around and inside', () => racingRegions(100))
})
