/** Tokens that several threads share. */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import * as fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { Cancelable, CancelationToken, type CancelationReason, type SharedToken } from '../../src/index.js'
import { Timer } from '../../src/engine/timers.js'
import { packReason, unpackReason } from '../../src/sources/shared-reason.js'
import { rejection, thrown, turns } from '../cancelable/helpers.js'
import { scriptedClock } from '../helpers/scripted-clock.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const INDEX = JSON.stringify(fileURLToPath(new URL('../../dist/index.cjs', import.meta.url)))

/** Runs code in a worker that has the library as `tripline` and the shared token as `token`. */
async function startRemote(shared: SharedToken, code: string): Promise<Worker> {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     const tripline = require(${INDEX})
     const token = tripline.CancelationToken.from(workerData)
     parentPort.once('message', () => { ${code} })
     parentPort.postMessage('ready')`,
    { eval: true, workerData: shared },
  )
  await once(worker, 'message')
  return worker
}

/** The words of the layout. */
const STATE = 3
const TAKEN = 4
const STARTED = 5

function wordsOf({ buffer }: SharedToken): Int32Array {
  return new Int32Array(buffer, 0, 16)
}

function reasonOf(length: number): CancelationReason {
  return { kind: 'abort', message: 'm', at: 1, cause: 'x'.repeat(length) }
}

describe('a shared token', () => {
  test('row 40: a cancelation in one thread reaches the others', async () => {
    const token = new CancelationToken()
    const copy = CancelationToken.from(token.share())
    expect(token.share().buffer).toBe(token.share().buffer)
    const run = Cancelable.run((cancel) => cancel.sleep(60_000), { token: copy })
    token.cancel('everywhere')
    expect(await rejection(run)).toMatchObject({ reason: { kind: 'manual', message: 'everywhere' } })
    expect(copy.reason!.at).toBeCloseTo(token.reason!.at)
  })

  test('the first reason wins, whichever side sets it', () => {
    const token = new CancelationToken()
    const copy = CancelationToken.from(token.share())
    copy.cancel('copy')
    expect(token.isCanceled).toBe(true)
    expect(token.reason).toMatchObject({ message: 'copy' })
    expect(token.cancel('token')).toBe(false)
  })

  test('a cancelation that comes after that of another thread is not the first', () => {
    const token = new CancelationToken()
    const copy = CancelationToken.from(token.share())
    copy.cancel('copy')
    expect(token.cancel('token')).toBe(false)
    expect(token.reason).toMatchObject({ message: 'copy' })
  })

  test('a cancelation that is found by looking reaches the listeners, too', async () => {
    const token = new CancelationToken()
    const seen: string[] = []
    token.onCancel(({ message }) => seen.push(message))
    const copy = CancelationToken.from(token.share())
    copy.cancel('copy')
    expect(token.isCanceled).toBe(true)
    expect(seen).toEqual([])
    await turns(2)
    expect(seen).toEqual(['copy'])
  })

  test('a token may be canceled before it is shared', () => {
    const token = new CancelationToken()
    token.cancel('early')
    expect(CancelationToken.from(token.share()).reason).toMatchObject({ message: 'early' })
  })

  test('errors and long texts are cut to what fits', () => {
    const token = new CancelationToken()
    const copy = CancelationToken.from(token.share())
    token.cancel(new Error('broken'))
    expect(copy.reason).toMatchObject({ kind: 'error', message: 'broken', cause: { name: 'Error', message: 'broken' } })
    const long = new CancelationToken()
    const cut = CancelationToken.from(long.share())
    long.cancel('x'.repeat(10_000))
    expect(cut.reason!.message).toBe('x'.repeat(500))
  })

  test('a loop that never yields sees the cancelation by a worker, with times on its own clock', async () => {
    const token = new CancelationToken()
    const worker = await startRemote(token.share(), `token.cancel('from afar')`)
    const operation = new Cancelable({ token }).enter()
    const child = operation.child().enter()
    worker.postMessage('now')
    const end = performance.now() + 20_000
    while (!child.isCanceled && performance.now() < end);
    expect(operation.reason).toMatchObject({ message: 'from afar' })
    expect(operation.reason!.at).toBeLessThan(performance.now())
    await worker.terminate()
  })

  test('an operation that waits is woken by a worker', async () => {
    const token = new CancelationToken()
    const worker = await startRemote(token.share(), `token.cancel('from afar')`)
    const run = Cancelable.run((cancel) => cancel.sleep(60_000), { token })
    worker.postMessage('now')
    expect(await rejection(run)).toMatchObject({ message: 'from afar' })
    await worker.terminate()
  })

  test('a worker in a loop that never yields sees the cancelation by the main thread', async () => {
    const token = new CancelationToken()
    const worker = await startRemote(
      token.share(),
      `const cancel = new tripline.Cancelable({ token }).enter()
       parentPort.postMessage('looping')
       while (!cancel.isCanceled);
       parentPort.postMessage(cancel.reason.message)`,
    )
    worker.postMessage('now')
    await once(worker, 'message')
    token.cancel('enough')
    expect(await once(worker, 'message')).toEqual(['enough'])
    await worker.terminate()
  })

  test('a metric that went missing stays NaN', () => {
    const breach = { metric: 'memory', value: NaN, limit: 90, direction: 'above', unit: '%', since: 1, at: 2 } as const
    const reason: CancelationReason = {
      kind: 'resource',
      message: 'gone',
      at: 3,
      guard: 'g',
      breach: { ...breach, origin: '/proc', recent: [1, NaN] },
    }
    const token = new CancelationToken()
    const copy = CancelationToken.from(token.share())
    token.cancel(reason)
    expect(copy.reason).toMatchObject({ kind: 'resource', breach: { value: NaN, limit: 90, recent: [1, NaN] } })
  })

  test('the memory is laid out as its version says, which other copies of the library read', () => {
    const token = new CancelationToken()
    const { buffer } = token.share()
    token.cancel('second version')
    const words = new Int32Array(buffer)
    expect([buffer.byteLength, ...words.slice(0, 6)]).toEqual([64 + 4 * 4096, 0x74726970, 0x6c696e65, 2, 1, 1, 1])
    const text = new Uint8Array(buffer, 68, words[16]).slice()
    expect(JSON.parse(new TextDecoder().decode(text))).toMatchObject({ kind: 'manual', message: 'second version' })
  })

  test('shared memory that is not that of a token is refused', () => {
    for (const buffer of [
      new SharedArrayBuffer(8),
      new SharedArrayBuffer(new CancelationToken().share().buffer.byteLength),
    ]) {
      new Int32Array(buffer)[STATE - 1] = 2
      expect(thrown(() => CancelationToken.from({ buffer }))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    }
    const { buffer } = new CancelationToken().share()
    const larger = new SharedArrayBuffer(buffer.byteLength + 4)
    const ownOnly = new ArrayBuffer(buffer.byteLength)
    for (const other of [larger, ownOnly]) {
      new Uint8Array(other).set(new Uint8Array(buffer))
      const error = thrown(() => CancelationToken.from({ buffer: other as SharedArrayBuffer }))
      expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    }
    expect(thrown(() => CancelationToken.from({ bufer: 5 } as never))).toMatchObject({
      message: expect.stringContaining('an instance of Object'),
    })
  })

  test('a reason that fits exactly is whole on the other side', () => {
    const room = 4092
    const most = room - packReason(reasonOf(0), room).length
    for (const [length, fits] of [
      [most, true],
      [most + 1, false],
    ] as const) {
      const token = new CancelationToken()
      const copy = CancelationToken.from(token.share())
      token.cancel(reasonOf(length))
      expect(copy.reason).toMatchObject({ kind: 'abort', cause: fits ? 'x'.repeat(length) : 'm' })
    }
  })

  test('one that is garbage-collected ends its wait', async () => {
    const finalized: string[] = []
    const registry = new FinalizationRegistry<string>((name) => finalized.push(name))
    const words = ((): Int32Array => {
      const token = new CancelationToken()
      registry.register(token, 'token')
      return wordsOf(token.share())
    })()
    while (finalized.length === 0) {
      await turns()
      collect()
    }
    await turns(3)
    // How many waits were left.
    expect(Atomics.notify(words, STARTED)).toBe(0)
  })

  test('bad content cancels, and nothing throws', async () => {
    const token = new CancelationToken()
    const run = Cancelable.run((cancel) => cancel.sleep(60_000), { token })
    const words = wordsOf(token.share())
    words[16] = 7
    Atomics.store(words, STATE, 1)
    Atomics.add(words, STARTED, 1)
    Atomics.notify(words, STARTED)
    expect(await rejection(run)).toMatchObject({ reason: { kind: 'manual' } })
  })

  test('any content at all: isCanceled answers, and a reason is whole', () => {
    const whole = fc.record({ state: fc.integer(), length: fc.integer(), text: fc.oneof(fc.json(), fc.string()) })
    fc.assert(
      fc.property(whole, ({ state, length, text }) => {
        const token = new CancelationToken()
        const { buffer } = token.share()
        const words = new Int32Array(buffer)
        const bytes = new TextEncoder().encode(text).subarray(0, 4000)
        for (let slot = 0; slot < 4; slot++) {
          words[16 + slot * 1024] = length % 2 === 0 ? bytes.length : length
          new Uint8Array(buffer, 64 + slot * 4096 + 4).set(bytes)
        }
        words[STATE] = state
        expect(token.isCanceled).toBe(state !== 0)
        if (state !== 0) expect(token.reason).toMatchObject({ message: expect.any(String), at: expect.any(Number) })
      }),
    )
  })

  test('reasons that lack what their kind has are not passed on', () => {
    const bad = [
      { kind: 'timeout', message: 'm', at: 1 },
      { kind: 'resource', message: 'm', at: 1, guard: 'g', breach: { metric: 'memory' } },
      { kind: 'parent', message: 'm', at: 1, parentId: 'p', parent: { kind: 'parent' } },
      { kind: 'all', message: 'm', at: 1, causes: [null] },
      { kind: 'manual', message: 'm', at: null },
    ]
    for (const reason of bad) {
      const token = new CancelationToken()
      const { buffer } = token.share()
      const words = new Int32Array(buffer)
      const bytes = new TextEncoder().encode(JSON.stringify(reason))
      words[16] = bytes.length
      new Uint8Array(buffer, 68).set(bytes)
      words[STATE] = 1
      expect(token.reason).toMatchObject({ kind: 'manual', message: expect.stringContaining('another thread') })
    }
  })

  test('a writer that died before it had canceled leaves the token to the others', async () => {
    const token = new CancelationToken()
    const copy = CancelationToken.from(token.share())
    const words = wordsOf(token.share())
    // It has announced itself and taken a slot.
    Atomics.add(words, STARTED, 1)
    Atomics.notify(words, STARTED)
    Atomics.add(words, TAKEN, 1)
    expect(token.isCanceled).toBe(false)
    const run = Cancelable.run((cancel) => cancel.sleep(60_000), { token })
    await turns(2)
    copy.cancel('by another')
    // None is left waiting for the state.
    expect(Atomics.notify(words, STATE)).toBe(0)
    expect(await rejection(run)).toMatchObject({ message: 'by another' })
  })

  test('a writer that died before its last wake-up is noticed without it', async () => {
    const token = new CancelationToken()
    const run = Cancelable.run((cancel) => cancel.sleep(60_000), { token })
    const words = wordsOf(token.share())
    Atomics.add(words, STARTED, 1)
    Atomics.notify(words, STARTED)
    await turns(2)
    Atomics.store(words, STATE, 5)
    expect(await rejection(run)).toMatchObject({ reason: { kind: 'manual' } })
  })

  test('more writers than slots: the token is canceled, without a reason of theirs', () => {
    const token = new CancelationToken()
    const copy = CancelationToken.from(token.share())
    const { buffer } = token.share()
    // Another one has filled the last slot, and not canceled yet.
    const bytes = packReason({ kind: 'manual', message: 'of the last slot', at: 1 }, 4000)
    new Int32Array(buffer)[16 + 3 * 1024] = bytes.length
    new Uint8Array(buffer, 64 + 3 * 4096 + 4).set(bytes)
    Atomics.store(wordsOf(token.share()), TAKEN, 4)
    copy.cancel('too many')
    expect(token.isCanceled).toBe(true)
    expect(token.reason).toMatchObject({ kind: 'manual', message: expect.stringContaining('another thread') })
  })

  test('a count of writers that makes no sense: the token is canceled all the same', () => {
    const token = new CancelationToken()
    const copy = CancelationToken.from(token.share())
    Atomics.store(wordsOf(token.share()), TAKEN, -1)
    copy.cancel('lost')
    expect(token.reason).toMatchObject({ kind: 'manual', message: expect.stringContaining('another thread') })
  })

  test('threads wait for the first writer, and then, as it may have died, no longer than a second at once', async () => {
    const atomics = Atomics as unknown as { waitAsync: (...args: unknown[]) => unknown }
    const waits: unknown[][] = []
    const wait = vi.spyOn(atomics, 'waitAsync').mockImplementation((_words, ...rest) => {
      waits.push(rest)
      return { value: waits.length < 3 ? 'ok' : new Promise(() => undefined) }
    })
    try {
      const token = new CancelationToken()
      Atomics.add(wordsOf(token.share()), STARTED, 1)
      await turns()
      expect(waits).toEqual([
        [STARTED, 0, undefined],
        [STATE, 0, 1000],
        [STATE, 0, 1000],
      ])
    } finally {
      wait.mockRestore()
    }
  })

  test('where threads cannot be woken, they look every 10 ms, on the real clock', async () => {
    const atomics = Atomics as { waitAsync?: unknown }
    const { waitAsync } = atomics
    const starts = vi.spyOn(Timer.prototype, 'start')
    const clock = scriptedClock()
    atomics.waitAsync = undefined
    try {
      const token = new CancelationToken()
      const copy = CancelationToken.from(token.share())
      expect([starts.mock.calls, clock.armed]).toEqual([[[10], [10]], []])
      const canceled = copy.whenCanceled()
      token.cancel('x')
      expect(await canceled).toMatchObject({ message: 'x' })
      starts.mockClear()
      atomics.waitAsync = waitAsync
      new CancelationToken().share()
      expect(starts).not.toHaveBeenCalled()
    } finally {
      atomics.waitAsync = waitAsync
      starts.mockRestore()
    }
  })

  test('bad input', () => {
    expect(thrown(() => CancelationToken.from({} as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    expect(thrown(() => CancelationToken.from(undefined as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    expect(thrown(() => CancelationToken.from({ buffer: new SharedArrayBuffer(8) }))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    })
  })
})

test('a reason is packed whole where it has room, to the byte', () => {
  const reason: CancelationReason = { kind: 'error', message: 'mine', at: 1, cause: ['é', 2] }
  const { length } = packReason(reason, 4096)
  expect(unpackReason(packReason(reason, length))).toMatchObject({ cause: ['é', 2] })
  expect(unpackReason(packReason(reason, length - 1))).toMatchObject({ kind: 'error', cause: 'mine' })
})

test('all times of a reason are packed as those of a clock that every thread has', () => {
  const timeout: CancelationReason = { kind: 'timeout', message: 't', at: 2, timeout: 1, deadline: 3 }
  const middle: CancelationReason = { kind: 'parent', message: 'm', at: 4, parentId: 'top', parent: timeout }
  const all: CancelationReason = { kind: 'all', message: 'a', at: 6, causes: [timeout, middle] }
  const resource: CancelationReason = {
    kind: 'resource',
    message: 'r',
    at: 7,
    guard: 'g',
    breach: {
      metric: 'memory',
      value: 95,
      limit: 90,
      direction: 'above',
      unit: '%',
      origin: '/proc',
      since: 8,
      at: 9,
      recent: [1],
      stack: [{ function: 'f', file: 'a.js', line: 1, column: 2 }],
    },
  }
  for (const inner of [timeout, middle, all, resource]) {
    const reason: CancelationReason = { kind: 'parent', message: 'p', at: 5, parentId: 'middle', parent: inner }
    const bytes = packReason(reason, 4096)
    expect(timesIn(JSON.parse(new TextDecoder().decode(bytes)))).toEqual(
      timesIn(reason).map((each) => each + performance.timeOrigin),
    )
    const copy = unpackReason(bytes)!
    timesIn(copy).forEach((each, index) => expect(each).toBeCloseTo(timesIn(reason)[index]!))
    expect(isDeeplyFrozen(copy)).toBe(true)
  }
})

test('what a reason has beyond its kind is passed on as it is', () => {
  const parent = { kind: 'manual', message: 'inner', at: 1 }
  const reason = { kind: 'manual', message: 'outer', at: 2, parent } as CancelationReason
  const copy = unpackReason(packReason(reason, 4096))
  expect(copy).toMatchObject({ message: 'outer', parent })
  expect(unpack({ kind: 'manual', message: 'outer', at: 2, parent })).toMatchObject({ parent })
})

/** The times in a reason and in what it refers to. */
function timesIn(value: object): number[] {
  return Object.entries(value).flatMap(([key, part]: [string, unknown]) => {
    if (typeof part === 'object' && part !== null) return timesIn(part)
    return ['at', 'deadline', 'since'].includes(key) ? [part as number] : []
  })
}

function isDeeplyFrozen(value: unknown): boolean {
  return (
    typeof value !== 'object' ||
    value === null ||
    (Object.isFrozen(value) && Object.values(value).every(isDeeplyFrozen))
  )
}

test('a reason with more values than could ever fit is not walked through to its end', () => {
  let read = 0
  const cause = new Proxy(Array<number>(100_000).fill(0), {
    get: (target, key, receiver): unknown => {
      read++
      return Reflect.get(target, key, receiver)
    },
  })
  const packed = packReason({ kind: 'error', message: 'mine', at: 1, cause }, 2048)
  expect(unpackReason(packed)).toMatchObject({ kind: 'error', message: 'mine' })
  expect(read).toBeLessThan(10_000)
})

describe('a reason from shared memory', () => {
  const manual = { kind: 'manual', message: 'm', at: 1, by: 'operator', source: 'panel' }
  const recent = [1, null]
  const stack = [
    { function: 'f', file: 'a.js', line: 1, column: 2 },
    { function: 'g', file: 'b.js', line: 3, column: 4 },
  ]
  const breach = {
    metric: 'process.rss',
    selector: { pid: 7, tree: true, path: '/data' },
    direction: 'above',
    unit: '%',
    origin: '/proc',
    limit: 90,
    since: 1,
    at: 2,
    value: null,
    recent,
    stack,
  }

  test.each([
    manual,
    { ...manual, kind: 'timeout', timeout: 5, deadline: 7 },
    { ...manual, kind: 'idle', idle: 5 },
    { ...manual, kind: 'signal', signal: 'SIGTERM' },
    { ...manual, kind: 'condition', condition: 'full', checks: 3 },
    { ...manual, kind: 'resource', guard: 'memory', breach },
    { ...manual, kind: 'parent', parentId: 'p', parent: manual },
    { ...manual, kind: 'parent', parentId: 'p' },
    { ...manual, kind: 'all', causes: [manual, manual] },
  ])('has all that its kind has, or is refused: $kind', (reason) => {
    expect(unpack(reason)).toMatchObject({ kind: reason.kind, message: 'm', by: 'operator' })
    let copies = 0
    damage(reason, '', (where) => {
      copies++
      expect([where, unpack(reason)]).toEqual([where, null])
    })
    expect(copies).toBeGreaterThanOrEqual(Object.keys(reason).length)
    // Nothing is left of the damage.
    expect(unpack(reason)).not.toBeNull()
  })
})

function unpack(reason: unknown): unknown {
  return unpackReason(new TextEncoder().encode(JSON.stringify(reason)))
}

/** Gives each part of a value a wrong type, one after the other, and calls back with the place of the part. */
function damage(value: object, place: string, check: (place: string) => void): void {
  for (const [key, part] of Object.entries(value) as [string, unknown][]) {
    const where = `${place}.${key}`
    Reflect.set(value, key, typeof part === 'string' ? 5 : '5')
    check(where)
    Reflect.set(value, key, part)
    if (typeof part === 'object' && part !== null) damage(part, where, check)
  }
}
