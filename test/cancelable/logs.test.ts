/** What operations, tokens, guards, reasons and errors look like in logs, and what is left of them in other threads. */
import { spawnSync } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { MessageChannel } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import {
  Cancelable,
  CancelationError,
  CancelationToken,
  ConditionCancelation,
  CustomCancelation,
  ErrorCancelation,
  ManualCancelation,
  ParentCancelation,
  SignalCancelation,
  TimeoutCancelation,
  TimeoutSource,
  anyOf,
  customReason,
  guard,
  named,
  type CancelationReason,
} from '../../src/index.js'
import { rejection, thrown } from './helpers.js'

const library = fileURLToPath(new URL('../../dist/index.js', import.meta.url))

/** A value that most printers fail on: circular, with a getter that throws, a function, a BigInt and a symbol. */
function hostile(): Record<string, unknown> {
  const value: Record<string, unknown> = { big: 1n, sign: Symbol('s'), run: () => 1 }
  value['self'] = value
  Object.defineProperty(value, 'trap', {
    enumerable: true,
    get: () => {
      throw new Error('trap')
    },
  })
  return value
}

describe('in text and logs', () => {
  test('an operation shows its state and none of its internals', () => {
    const token = new CancelationToken()
    const job = new Cancelable({ name: 'import', token, metadata: { tenant: 'a', more: hostile() } }).enter()
    expect(String(job)).toBe('Cancelable "import" (running)')
    expect(JSON.parse(JSON.stringify({ job }))).toMatchObject({
      job: { name: 'import', status: 'running', metadata: { tenant: 'a', more: { big: '1', run: 'function run' } } },
    })
    expect(JSON.parse(JSON.stringify(job)).startDate).toMatch(/^\d{4}-\d\d-\d\dT/)
    expect(inspect(new Cancelable({ name: 'x' }).enter())).toMatch(
      /^Cancelable \{\s+id: 'operation_\d+',\s+name: 'x',\s+status: 'running',\s+elapsed: [\d.e-]+\s+\}$/,
    )
    token.cancel('enough')
    expect(String(job)).toBe('Cancelable "import" (canceled: enough)')
    expect(String(new Cancelable())).toMatch(/^Cancelable "operation_\d+" \(pending\)$/)
    expect(inspect({ deep: { deeper: { job } } })).toContain('[Cancelable]')
    expect(inspect(job.context)).toMatch(/^OperationContext \{/)
    job[Symbol.dispose]()
  })

  test('control characters of names stay escaped', () => {
    expect(String(new Cancelable({ name: 'a\u001b[2J' }))).toBe(String.raw`Cancelable "a\u001b[2J" (pending)`)
    expect(String(new CancelationToken({ name: 'b\n' }))).toBe(String.raw`CancelationToken "b\n"`)
  })

  test('values that throw, contain the operation or are long: safe and short', () => {
    const throwing = {
      [inspect.custom]: () => {
        throw new Error('trap')
      },
    }
    const unreadable = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('trap')
        },
      },
    )
    const metadata: Record<string, unknown> = {
      throwing,
      long: 'x'.repeat(1e5),
      array: Array.from({ length: 1e5 }, () => 1),
    }
    const job = new Cancelable({ metadata }).enter()
    metadata['job'] = job
    job.cancel(customReason('m', { throwing, unreadable }))
    const error = thrown(() => job.throwIfCanceled())
    const proxied = new Cancelable({ metadata: unreadable }).enter()
    for (const each of [job, job.context, job.reason, error, proxied, proxied.context]) {
      expect(inspect(each).length).toBeLessThan(10_000)
      expect(JSON.stringify(each).length).toBeLessThan(10_000)
    }
    metadata['throwing'] = undefined
    expect(inspect(job).length).toBeLessThan(10_000)
    proxied[Symbol.dispose]()
  })

  test('a token and a guard', () => {
    const token = new CancelationToken({ name: 'user' })
    expect(JSON.parse(JSON.stringify(token))).toEqual({ name: 'user', isCanceled: false })
    token.cancel('gone', { by: 'admin' })
    expect(String(token)).toBe('CancelationToken "user" (canceled: gone)')
    expect(JSON.parse(JSON.stringify({ token })).token.reason).toMatchObject({ by: 'admin', source: 'user' })
    expect(inspect(token)).toMatch(/^CancelationToken \{/)
    expect(inspect(new CancelationToken())).toBe('CancelationToken { isCanceled: false }')

    const watched = guard({ memory: 99.9 }, { name: 'ram' })
    expect(String(watched)).toMatch(/^Guard "ram" \((clear|pending|unavailable)\)$/)
    expect(JSON.parse(JSON.stringify(watched))).toMatchObject({ name: 'ram', dryRun: false, breachCount: 0 })
    expect(inspect(watched)).toMatch(/^Guard \{/)
    watched.close()
    expect(String(watched)).toBe('Guard "ram" (closed)')
  })

  test('a reason is its message, and JSON of what it holds', () => {
    const token = new CancelationToken()
    token.cancel(Object.defineProperties(new Error('broken'), Object.getOwnPropertyDescriptors(hostile())))
    const shown: unknown = token.reason
    expect(String(shown)).toBe('broken')
    expect(JSON.parse(JSON.stringify(token.reason))).toMatchObject({
      kind: 'error',
      message: 'broken',
      cause: { name: 'Error', message: 'broken' },
    })
    const aborter = new AbortController()
    aborter.abort(hostile())
    const job = new Cancelable({ abortSignal: aborter.signal })
    void job.run(() => 1).catch(() => undefined)
    expect(JSON.parse(JSON.stringify(job.reason))).toMatchObject({
      kind: 'abort',
      cause: { big: '1', sign: 'Symbol(s)' },
    })
  })

  test('a chain of a thousand parents prints as its root', () => {
    let last = new Cancelable({ name: 'root' }).enter()
    const root = last
    for (let i = 0; i < 1000; i++) last = last.child().enter()
    root.cancel('stop')
    expect(JSON.parse(JSON.stringify(last.reason))).toMatchObject({
      kind: 'parent',
      parent: { kind: 'manual', message: 'stop' },
    })
    expect(JSON.stringify(last.reason).length).toBeLessThan(300)
    const { reason } = last
    const error = new ParentCancelation(reason as Extract<CancelationReason, { kind: 'parent' }>)
    expect(structuredClone(error).cause).toMatchObject({ kind: 'parent', parent: { kind: 'manual' } })
  })

  test('an error', async () => {
    const error = (await rejection(
      Cancelable.run((cancel) => cancel.sleep('1h'), { timeout: 5, name: 'job' }),
    )) as Error
    expect(String(error)).toBe('TimeoutError: Timed out after 5ms')
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({
      name: 'TimeoutError',
      code: 'ERR_TRIPLINE_CANCELED',
      reason: { kind: 'timeout', timeout: 5 },
      operation: { name: 'job' },
    })
    expect(inspect(error)).toMatch(
      /^\[TimeoutError: Timed out after 5ms\] \{\s+operationName: 'job',\s+reason: Reason \{/,
    )
    expect(inspect(error)).not.toContain('cause')
    error.cause = new Error('unwinding failed')
    expect(inspect(error)).toContain('unwinding failed')
  })
})

describe('an error in another thread', () => {
  test('keeps its message and its reason', async () => {
    const error = await rejection(Cancelable.run((cancel) => cancel.sleep('1h'), { timeout: 5 }))
    const { port1, port2 } = new MessageChannel()
    const posted = new Promise<Error>((resolve) => port2.once('message', resolve))
    port1.postMessage(error)
    for (const clone of [structuredClone(error) as Error, await posted]) {
      expect(clone.message).toBe('Timed out after 5ms')
      expect(clone.cause).toMatchObject({ kind: 'timeout', timeout: 5 })
      expect(CancelationError.is(clone)).toBe(false)
      const again = CancelationError.from(clone)
      expect(again).toBeInstanceOf(TimeoutCancelation)
      expect(again).toMatchObject({ message: 'Timed out after 5ms', reason: { kind: 'timeout' } })
    }
    port1.close()
  })

  test('can be cloned whatever the reason holds', () => {
    const reasons: unknown[] = [hostile(), () => 1, new Map(), new Error('plain'), new Proxy({}, {})]
    for (const cause of reasons) {
      const error = new ErrorCancelation({ cause })
      expect(error.reason.cause).toBe(cause)
      expect(structuredClone(error).message).toBe(error.message)
      expect(structuredClone(new CustomCancelation({ message: 'm', data: cause })).message).toBe('m')
    }
  })

  test('from() refuses what is no clone of one', () => {
    const error = new ManualCancelation('stop')
    expect(CancelationError.from(error)).toBe(error)
    for (const each of [
      undefined,
      null,
      'x',
      new Error('m'),
      new Error('m', { cause: { kind: 'moon', message: 'm', at: 1 } }),
      new Error('a', { cause: error.reason }),
    ])
      expect(CancelationError.from(each)).toBeUndefined()
  })
})

describe('errors of a caller', () => {
  test.each([
    () => new ManualCancelation('stop'),
    () => new CancelationError('stop', { cause: 1 }),
    () => new TimeoutCancelation({ timeout: 10, message: 'stop' }),
    () => new CustomCancelation({ message: 'stop', data: { queue: 7 } }),
    () => new ConditionCancelation({ condition: 'c', message: 'stop' }),
    () => new SignalCancelation({ signal: 'SIGHUP', message: 'stop' }),
    () => new ErrorCancelation({ cause: new Error('stop') }),
    () => new ParentCancelation({ parentId: 'x', message: 'stop' }),
  ])('raised in a body cancel with their reason: %s', async (make) => {
    const made = make()
    const job = new Cancelable()
    const error = await rejection(
      job.run(() => {
        throw made
      }),
    )
    expect(error).toBe(made)
    expect(job.context).toMatchObject({ status: 'canceled', reason: made.reason })
    expect(made.message).toBe('stop')
    expect(Object.isFrozen(made.reason)).toBe(true)
  })

  test('have the defaults of their kind, and a cause of their own', () => {
    expect(new TimeoutCancelation({ timeout: 1500 }).message).toBe('Timed out after 1.5s')
    expect(new TimeoutCancelation({ timeout: 5, at: 3 }).reason).toMatchObject({ at: 3, timeout: 5 })
    expect(new ManualCancelation({ message: 'm', by: 'me' }).reason).toMatchObject({ kind: 'manual', by: 'me' })
    expect(new CancelationError('stop', { cause: 1 }).cause).toBe(1)
    expect(new CancelationError('stop').reason.kind).toBe('manual')
  })

  test('refuse bad fields', () => {
    const bad: (() => unknown)[] = [
      () => new CancelationError(7 as never),
      () => new CancelationError(JSON.parse('{}') as never),
      () => new TimeoutCancelation('too slow' as never),
      () => new TimeoutCancelation({} as never),
      () => new TimeoutCancelation({ timeout: -1 }),
      () => new TimeoutCancelation({ timeout: Number.NaN }),
      () => new TimeoutCancelation(new ManualCancelation('x').reason as never),
      () => new SignalCancelation({ signal: 9 } as never),
      () => new ManualCancelation({ by: 7 } as never),
      () => new CustomCancelation({ data: 1 }),
      () => new ParentCancelation({ parentId: 'x', parent: {} } as never),
      () => new ManualCancelation({ mesage: 'm' } as never),
      () => new ManualCancelation({ kind: 'timeout', message: 'm' } as never),
      () => new ManualCancelation([] as never),
      () => new CustomCancelation({ message: 'm', dat: 1 } as never),
      () => customReason('m', 1, null as never),
      () => customReason(7 as never, 1),
      () => customReason('m', 1, { bye: 'x' } as never),
    ]
    for (const each of bad)
      expect(thrown(each)).toMatchObject({ code: expect.stringMatching(/^ERR_INVALID_ARG_|^ERR_UNKNOWN/) })
  })
})

describe('what canceled', () => {
  test('is named by the token, by the caller, or by a source of its own', async () => {
    const token = new CancelationToken({ name: 'shutdown' })
    const job = new Cancelable({ token }).enter()
    token.cancel('bye', { by: 'deploy 17' })
    expect(job.reason).toMatchObject({ message: 'bye', by: 'deploy 17', source: 'shutdown' })

    const other = new Cancelable().enter()
    other.cancel('bye', { by: 'admin' })
    expect(other.reason).toMatchObject({ by: 'admin' })
    expect('source' in other.reason!).toBe(false)
    expect(thrown(() => new Cancelable().enter().cancel('x', { by: 7 as never }))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    })

    const full = customReason('full', { length: 3 })
    const source = {
      name: 'queue',
      arm: (sink: { cancel(reason: CancelationReason): boolean }) => {
        const timer = setTimeout(() => sink.cancel(full), 1)
        return { [Symbol.dispose]: () => clearTimeout(timer) }
      },
    }
    const error = await rejection(Cancelable.run((cancel) => cancel.sleep('1h'), { sources: [source] }))
    expect(error).toBeInstanceOf(CustomCancelation)
    expect((error as CustomCancelation<{ length: number }>).reason).toMatchObject({
      source: 'queue',
      data: { length: 3 },
    })
  })

  test.each<[string, readonly unknown[], string]>([
    ['close', [false], 'Canceled'],
    ['exit', [0, null], 'Canceled'],
    ['SIGTERM', ['SIGTERM', 15], 'SIGTERM'],
    ['error', [new Error('reset'), { by: 7 }], 'reset'],
    ['abort', [new Event('abort')], 'Canceled'],
    ['message', [null, 1, 2], 'Canceled'],
  ])('a token takes what the event %s hands it', (name, values, message) => {
    const token = new CancelationToken()
    const emitter = new EventEmitter()
    emitter.once(name, token.cancel.bind(token))
    emitter.emit(name, ...values)
    expect(token.reason).toMatchObject({ message })
  })

  test('is named for any source, each operation on its own, also in composites and copies', async () => {
    const shared = new AbortController()
    const plain = new Cancelable({ abortSignal: shared.signal }).enter()
    const sources = [named('client', shared.signal)]
    const first = new Cancelable({ sources }).enter()
    const combined = Cancelable.combine([first]).enter()
    const any = new Cancelable({ sources: [anyOf(new TimeoutSource('1h'), named('socket', shared.signal))] }).enter()
    shared.abort('gone')
    expect([plain, first, combined, any].map((each) => each.reason?.source)).toEqual([
      undefined,
      'client',
      'client',
      'socket',
    ])
    const late = new Cancelable({ sources: [named('late', shared.signal)] })
    expect(await rejection(late.run(() => 1))).toMatchObject({ reason: { source: 'late', kind: 'abort' } })
    // Noticed by polling, inside code that never yields.
    const expiring = new Cancelable({ sources: [named('budget', new TimeoutSource(1))] }).enter()
    while (!expiring.isCanceled);
    expect(expiring.reason).toMatchObject({ kind: 'timeout', source: 'budget' })
    expect(thrown(() => named(7 as never, shared.signal))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    expect(thrown(() => named('x', {} as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  })

  test('bad options of cancel() are refused, and nothing is canceled', () => {
    const job = new Cancelable().enter()
    for (const bad of [null, 7, { children: 'no' }, { by: 7 }, { childen: false }, Object.create({})])
      expect(thrown(() => job.cancel('x', bad as never))).toMatchObject({
        code: expect.stringMatching(/^ERR_INVALID_ARG_/),
      })
    expect(job.isCanceled).toBe(false)
    job[Symbol.dispose]()
  })

  test('bad options of a token are refused', () => {
    expect(thrown(() => new CancelationToken({ name: 7 as never }))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    expect(thrown(() => new CancelationToken({ nam: 'x' } as never))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
  })
})

describe('signals with many listeners', () => {
  test('print no warning about a leak', async () => {
    const warnings: Error[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on('warning', note)
    const job = new Cancelable().enter()
    const token = new CancelationToken()
    for (const signal of [job.signal, token.signal])
      for (let i = 0; i < 30; i++) signal.addEventListener('abort', () => i)
    await delay(10)
    process.off('warning', note)
    job[Symbol.dispose]()
    expect(warnings).toEqual([])
  })
})

test('whenCanceled() is one promise, so that nothing piles up on a long-lived token', async () => {
  const token = new CancelationToken()
  const first = token.whenCanceled()
  expect(token.whenCanceled()).toBe(first)
  token.cancel('now')
  expect(await first).toMatchObject({ message: 'now' })
  expect(await token.whenCanceled()).toMatchObject({ message: 'now' })
})

/** What Node prints of an error that nothing catches: it calls no methods of the library. */
function fatal(error: unknown): string {
  return inspect(error, { customInspect: false, depth: 5 })
}

describe('an error that nothing catches', () => {
  test.each([", name: 'fetch users'", ''])('names its operation, and has its reason once: %s', (name) => {
    const program = `import { Cancelable } from ${JSON.stringify(library)}
      await Cancelable.run((cancel) => cancel.sleep('1h'), { timeout: 5${name}, ref: true })`
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    expect(status).toBe(1)
    expect(stderr.match(/kind: 'timeout'/g)).toHaveLength(1)
    expect(stderr.includes("operationName: 'fetch users'")).toBe(name !== '')
    expect(stderr.includes('operationName')).toBe(name !== '')
  })

  test('keeps its reason beside the error of its body', async () => {
    const failed = await rejection(
      Cancelable.run((cancel) => cancel.sleep('1h').catch(() => Promise.reject(new Error('flush failed'))), {
        timeout: 5,
        name: 'job',
      }),
    )
    const made = new ManualCancelation('stop', { cause: new Error('flush failed') })
    for (const [error, kind] of [
      [failed, 'timeout'],
      [made, 'manual'],
    ] as const) {
      expect(fatal(error)).toMatch(/cause: Error: flush failed\n/)
      expect(fatal(error).match(new RegExp(`kind: '${kind}'`, 'g'))).toHaveLength(1)
      expect(error).toMatchObject({ reason: { kind } })
    }
  })

  test('has its reason and its name where loggers look', async () => {
    const error = await rejection(Cancelable.run((cancel) => cancel.sleep('1h'), { timeout: 5, name: 'job' }))
    const seen: string[] = []
    // oxlint-disable-next-line guard-for-in -- as loggers do, which take inherited properties too
    for (const key in error as object) seen.push(key)
    expect(seen).toEqual(expect.arrayContaining(['operationName', 'reason', 'name', 'code']))
  })
})

/** What a program prints whose only operation ends after 50 ms. */
function outputWith(options: string): string {
  const program = `import { Cancelable } from ${JSON.stringify(library)}
    const said = await Cancelable.run(() => new Promise(() => {}), { timeout: 50${options} }).catch((e) => e.message)
    console.log(said)`
  return spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }).stdout
}

test('ref keeps a program alive that waits for nothing else, until the operation is over', () => {
  expect(outputWith(', ref: true')).toBe('Timed out after 50ms\n')
  expect(outputWith('')).toBe('')
  expect(thrown(() => new Cancelable({ ref: 1 as never }))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
})
