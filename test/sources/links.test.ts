/** Each source by itself: what its link does to a target, before the start, during it, and after the end. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeEach, describe, expect, test } from 'vitest'
import { loadBuiltin } from '../../src/base/builtin.js'
import { pollGuards, WATCH_DEADLINE, WATCH_GUARD, type Link } from '../../src/engine/link.js'
import { deliver, join, kMark, kNext, kNotify, kSpread, type Target } from '../../src/engine/propagation.js'
import {
  AbortSignalSource,
  allOf,
  anyOf,
  Cancelable,
  CancelationToken,
  ConditionSource,
  guard,
  Guard,
  named,
  ResourceSource,
  SignalSource,
  TimeoutSource,
  TokenSource,
  type CancelationReason,
  type CancelationSource,
  type CancelSink,
} from '../../src/index.js'
import { resourceLink } from '../../src/sources/resource.js'
import { linkTo } from '../../src/sources/source.js'
import { kHub } from '../../src/sources/token.js'
import { rejection, thrown, until } from '../cancelable/helpers.js'
import { reportedErrors } from '../helpers/reported-errors.js'
import { scriptedClock } from '../helpers/scripted-clock.js'

/** Keeps the reasons that it gets. */
class Probe implements Target {
  [kNext]: Target | null = null
  readonly reasons: CancelationReason[] = [];

  [kMark](reason: CancelationReason): boolean {
    this.reasons.push(reason)
    join(this)
    return true
  }
  [kSpread](): void {}
  [kNotify](): void {}
}

/** A source whose sink the test uses. */
class HandSource implements CancelationSource {
  readonly name: string = 'hand'
  sink!: CancelSink
  disposals = 0
  onArm: (sink: CancelSink) => void = () => undefined

  arm(sink: CancelSink): Disposable {
    this.sink = sink
    this.onArm(sink)
    return { [Symbol.dispose]: () => this.disposals++ }
  }
  report(message: string): boolean {
    return this.sink.cancel(manual(message))
  }
}

const check = (): boolean => true
const none = (): void => undefined
const manual = (message: string): CancelationReason => ({ kind: 'manual', message, at: 1 })

let probe: Probe
beforeEach(() => {
  probe = new Probe()
})

/** Connects a source to the probe. */
function connected(source: CancelationSource): Link {
  const link = linkTo(source, probe)
  expect(link.connect()).toBeNull()
  return link
}

function codeOf(attempt: () => unknown): unknown {
  return (thrown(attempt) as { code?: unknown }).code
}

describe('a source of one’s own', () => {
  test('that reports while it is armed counts once, and not again later', () => {
    const hand = new HandSource()
    const answers: boolean[] = []
    hand.onArm = (sink) => answers.push(sink.cancel(manual('first')), sink.cancel(manual('second')))
    const other = new CancelationToken()
    const operation = new Cancelable({ sources: [allOf(hand, other)] }).enter()
    expect(answers).toEqual([true, false])
    expect(hand.report('third')).toBe(false)
    expect(operation.isCanceled).toBe(false)
    other.cancel('other')
    expect(operation.reason).toMatchObject({ kind: 'all', causes: [{ message: 'first' }, { message: 'other' }] })
  })

  test('gives its reasons its name', () => {
    const hand = new HandSource()
    connected(hand)
    expect(hand.report('now')).toBe(true)
    const nameless = new HandSource()
    Reflect.deleteProperty(nameless, 'name')
    connected(nameless)
    nameless.report('later')
    expect(probe.reasons.map(({ source }) => source)).toEqual(['hand', undefined])
  })

  test('that reports and then fails at the start only fails it, and may be started again', () => {
    const hand = new HandSource()
    hand.onArm = (sink) => {
      expect(sink.cancel(manual('early'))).toBe(true)
      throw new Error('not now')
    }
    const operation = new Cancelable({ sources: [hand] })
    expect(() => operation.enter()).toThrow('not now')
    hand.onArm = () => undefined
    expect(operation.enter().isCanceled).toBe(false)
    hand.report('again')
    expect(operation.reason).toMatchObject({ message: 'again' })
  })

  test('whose start failed is not listened to, and may be started again', () => {
    const hand = new HandSource()
    const failure = new Error('not now')
    hand.onArm = (sink) => {
      sink.cancel(manual('early'))
      throw failure
    }
    const token = new CancelationToken()
    const operation = new Cancelable({ sources: [allOf(named('late', hand), token)] })
    expect(thrown(() => operation.enter())).toBe(failure)
    expect(hand.report('after')).toBe(false)
    hand.onArm = () => undefined
    operation.enter()
    token.cancel()
    expect(operation.isCanceled).toBe(false)
    hand.report('again')
    expect(operation.reason).toMatchObject({ kind: 'all', causes: [{}, { message: 'again', source: 'hand' }] })
  })

  test('whose second part fails at the start begins anew', () => {
    const [first, second] = [new HandSource(), new HandSource()]
    first.onArm = (sink) => void sink.cancel(manual('early'))
    second.onArm = () => {
      throw new Error('not now')
    }
    const operation = new Cancelable({ sources: [allOf(first, second)] })
    expect(() => operation.enter()).toThrow('not now')
    first.onArm = second.onArm = () => undefined
    operation.enter()
    second.report('second')
    expect(operation.isCanceled).toBe(false)
    first.report('first')
    expect(operation.reason).toMatchObject({ causes: [{ message: 'second' }, { message: 'first' }] })
  })

  test('is disposed of once', () => {
    const hand = new HandSource()
    const armed = named('x', hand).arm({ cancel: () => true })
    armed[Symbol.dispose]()
    armed[Symbol.dispose]()
    expect(hand.disposals).toBe(1)
  })

  test.each([undefined, null, {}, { [Symbol.dispose]: 5 }, () => undefined])(
    'must return what can be disposed of, not %s',
    (armed) => {
      const source = { arm: () => armed } as unknown as CancelationSource
      expect(codeOf(() => new Cancelable({ sources: [source] }).enter())).toBe('ERR_INVALID_ARG_TYPE')
    },
  )

  test.each([null, undefined, 5, {}, { arm: 5 }, () => undefined])('must be one: %s', (value) => {
    expect(() => anyOf(value as never)).toThrow(/source of cancelation: an object with a method arm\(sink\)/)
    expect(codeOf(() => anyOf(value as never))).toBe('ERR_INVALID_ARG_TYPE')
  })
})

describe('a sink', () => {
  test('is called once, although a source reports again', () => {
    const reasons: CancelationReason[] = []
    const sink: CancelSink = { cancel: (reason) => reasons.push(reason) > 0 }
    using signals = new SignalSource('SIGUSR2', 'SIGHUP').arm(sink)
    process.emit('SIGUSR2')
    process.emit('SIGHUP')
    expect(reasons).toEqual([expect.objectContaining({ signal: 'SIGUSR2' })])
    signals[Symbol.dispose]()
    const hand = new HandSource()
    using _ = named('given', hand).arm(sink)
    expect([hand.report('one'), hand.report('two'), reasons.length]).toEqual([true, false, 2])
  })

  test('is not called after it was disposed of', () => {
    const hand = new HandSource()
    const armed = named('given', hand).arm({ cancel: () => expect.unreachable() })
    armed[Symbol.dispose]()
    expect(hand.report('late')).toBe(false)
  })

  test('that fails is reported', () => {
    const reported = reportedErrors()
    const failure = new Error('mine')
    const token = new CancelationToken()
    const sink: CancelSink = {
      cancel: () => {
        throw failure
      },
    }
    using _ = new TokenSource(token).arm(sink)
    token.cancel()
    expect(reported).toEqual([{ error: failure, origin: 'sink' }])
  })
})

describe('a time', () => {
  test('has run out when it is polled, or its timer fires; no timer is left', () => {
    const clock = scriptedClock()
    const link = connected(new TimeoutSource(50))
    expect(link.watch).toBe(WATCH_DEADLINE)
    clock.time = 49
    link.poll()
    expect([probe.reasons, clock.dues]).toEqual([[], [50]])
    clock.time = 50
    link.poll()
    link.poll()
    expect([probe.reasons, clock.dues]).toEqual([[expect.objectContaining({ timeout: 50, deadline: 50 })], []])
    deliver()
  })

  test('does not run out any more after the end', () => {
    const clock = scriptedClock()
    const link = connected(new TimeoutSource(50))
    link.disconnect()
    clock.time = 60
    link.poll()
    expect([probe.reasons, clock.dues, link.terms()]).toEqual([[], [], []])
  })

  test('of 0 has run out at the start, and an infinite one never does', () => {
    const clock = scriptedClock()
    expect(linkTo(new TimeoutSource(0), probe).connect()).toMatchObject({ kind: 'timeout', timeout: 0 })
    const link = connected(new TimeoutSource(Infinity))
    clock.time = 1e12
    link.poll()
    expect([probe.reasons, clock.dues, link.watch]).toEqual([[], [], 0])
  })

  test('is not watched from outside once it was stopped', () => {
    const link = connected(new TimeoutSource('1h'))
    expect(link.terms()).toHaveLength(1)
    link.disconnect()
    expect(link.terms()).toEqual([])
  })
})

describe('a condition', () => {
  test('that held is not checked again', () => {
    const clock = scriptedClock()
    let checks = 0
    const source = new ConditionSource({ check: () => ++checks > 0, interval: 10 })
    const link = linkTo(allOf(source, new CancelationToken()), probe)
    expect([link.connect(), checks, clock.dues]).toEqual([null, 1, []])
    link.disconnect()
    expect(linkTo(source, probe).connect()).toMatchObject({ kind: 'condition', checks: 1 })
    expect([probe.reasons, clock.dues]).toEqual([[], []])
    let holds = false
    connected(new ConditionSource({ check: () => holds, interval: 10 }))
    expect(clock.dues).toEqual([10])
    holds = true
    clock.fire()
    expect([probe.reasons.length, clock.dues]).toEqual([1, []])
  })

  test('has defaults', () => {
    expect(new ConditionSource(check)).toMatchObject({ name: 'check', interval: 100 })
    expect(new ConditionSource(() => true).name).toBe('condition')
    expect(new ConditionSource({ check, name: 'full', interval: '2s' })).toMatchObject({ name: 'full', interval: 2000 })
  })

  test.each<[unknown, string]>([
    [null, 'ERR_INVALID_ARG_TYPE'],
    [5, 'ERR_INVALID_ARG_TYPE'],
    [{}, 'ERR_INVALID_ARG_TYPE'],
    [{ check: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ check: () => true, name: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ check: () => true, onError: 'explode' }, 'ERR_INVALID_ARG_TYPE'],
    [{ check: () => true, intervall: 5 }, 'ERR_INVALID_ARG_VALUE'],
    [{ check: () => true, interval: 0 }, 'ERR_OUT_OF_RANGE'],
  ])('is checked at the call: %j', (condition, code) => {
    expect(codeOf(() => new ConditionSource(condition as never))).toBe(code)
  })
})

describe('a foreign signal', () => {
  const whole = { aborted: false, addEventListener: none, removeEventListener: none }

  test.each([
    null,
    5,
    {},
    { aborted: false },
    { aborted: false, addEventListener: none },
    { addEventListener: none, removeEventListener: none },
    { ...whole, aborted: 'no' },
    Object.assign(() => undefined, whole),
  ])('is recognized by all that it has: not %s', (value) => {
    expect(() => new AbortSignalSource(value as never)).toThrow(/an AbortSignal(?!,)/)
    expect(codeOf(() => new AbortSignalSource(value as never))).toBe('ERR_INVALID_ARG_TYPE')
  })

  test('is named in the error for what has one', () => {
    const token = new CancelationToken() as unknown as AbortSignal
    expect(() => new AbortSignalSource(token)).toThrow('which it has as its `signal`')
    expect(new AbortSignalSource(whole as unknown as AbortSignal).name).toBe('AbortSignal')
  })

  test('that was aborted gives all the same reason', () => {
    const source = new AbortSignalSource(AbortSignal.abort())
    const [first, second] = [linkTo(source, probe).connect(), linkTo(source, probe).connect()]
    expect(first?.kind).toBe('abort')
    expect(second).toBe(first)
  })
})

describe('OS signals', () => {
  test.each([
    ['SIGTERM', 'ERR_INVALID_ARG_TYPE', /an array of signal names/],
    [[], 'ERR_INVALID_ARG_VALUE', /at least one signal/],
    [[5], 'ERR_INVALID_ARG_TYPE', /an array of signal names/],
    [['SIGTERMM'], 'ERR_INVALID_ARG_VALUE', /Did you mean 'SIGTERM'/],
    [['SIGKILL'], 'ERR_INVALID_ARG_VALUE', /can catch/],
  ])('are checked at the call: %j', (signals, code, message) => {
    const attempt = (): unknown => new Cancelable({ signals: signals as never })
    expect(attempt).toThrow(message)
    expect(codeOf(attempt)).toBe(code)
  })

  test('are received by the main thread only', () => {
    const threads = loadBuiltin('node:worker_threads') as { isMainThread: boolean }
    const link = linkTo(new SignalSource('SIGUSR2'), probe)
    const before = process.listenerCount('SIGUSR2')
    const { isMainThread } = threads
    threads.isMainThread = false
    try {
      expect(codeOf(() => link.connect())).toBe('ERR_INVALID_ARG_VALUE')
    } finally {
      threads.isMainThread = isMainThread
    }
    expect(process.listenerCount('SIGUSR2')).toBe(before)
  })

  test('are copied together, for another target', () => {
    const other = new Probe()
    const copy = connected(new SignalSource('SIGUSR2', 'SIGHUP')).copy(other)!
    copy.connect()
    process.emit('SIGHUP')
    expect([probe, other].map(({ reasons }) => reasons.length)).toEqual([1, 1])
    process.emit('SIGUSR2')
    expect([probe, other].map(({ reasons }) => reasons.length)).toEqual([2, 2])
  })

  test('are each listed once', () => {
    expect(new SignalSource('SIGHUP', 'SIGUSR2', 'SIGHUP').signals).toEqual(['SIGHUP', 'SIGUSR2'])
  })
})

describe('a name', () => {
  test('is the source of reasons, early and late, unless they have one', () => {
    const token = new CancelationToken()
    token.cancel('early')
    expect(linkTo(named('panel', token), probe).connect()).toMatchObject({ message: 'early', source: 'panel' })
    const own = new CancelationToken({ name: 'own' })
    const late = new CancelationToken()
    for (const each of [own, late]) {
      connected(named('panel', each))
      each.cancel()
    }
    expect(probe.reasons.map(({ source }) => source)).toEqual(['own', 'panel'])
    expect(named('panel', token).name).toBe('panel')
    expect(codeOf(() => named(5 as never, token))).toBe('ERR_INVALID_ARG_TYPE')
  })

  test('changes nothing else: it is polled, watched, copied and let go of as its source', () => {
    const clock = scriptedClock()
    const link = connected(named('limit', new TimeoutSource(50)))
    expect(link.watch).toBe(WATCH_DEADLINE)
    const other = new Probe()
    const copy = link.copy(other)!
    copy.connect()
    link.disconnect()
    expect(clock.dues).toEqual([50])
    clock.time = 50
    for (const each of [link, copy]) each.poll()
    expect([probe.reasons, other.reasons]).toEqual([[], [expect.objectContaining({ timeout: 50, source: 'limit' })]])
    deliver()
  })
})

describe('a composite', () => {
  test('is called by its parts', () => {
    const token = new CancelationToken()
    const nameless = { arm: () => ({ [Symbol.dispose]: () => undefined }) }
    expect(anyOf(token, new TimeoutSource(5)).name).toBe('anyOf(token, timeout)')
    expect(allOf(nameless, named('x', token)).name).toBe('allOf(source, x)')
    expect(() => anyOf()).toThrow(/"?anyOf/)
    expect(() => allOf()).toThrow(/"?allOf/)
  })

  test('that cannot be armed lets go of all its parts', () => {
    const [hand, token] = [new HandSource(), new CancelationToken()]
    const broken: CancelationSource = {
      arm: () => {
        throw new Error('broken')
      },
    }
    expect(() => anyOf(hand, token, broken).arm({ cancel: () => true })).toThrow('broken')
    expect([hand.disposals, hand.report('late'), token[kHub].head]).toEqual([1, false, null])
  })

  test('gives back the signals of a part that has received one, while it waits for the others', () => {
    const before = process.listenerCount('SIGHUP')
    const link = connected(allOf(new SignalSource('SIGUSR2', 'SIGHUP'), new CancelationToken()))
    expect(process.listenerCount('SIGHUP')).toBe(before + 1)
    process.emit('SIGUSR2')
    expect(process.listenerCount('SIGHUP')).toBe(before)
    link.disconnect()
  })

  test('that has come true lets go of its other parts', () => {
    const before = process.listenerCount('SIGHUP')
    const token = new CancelationToken()
    connected(anyOf(token, new SignalSource('SIGHUP')))
    expect(process.listenerCount('SIGHUP')).toBe(before + 1)
    token.cancel('enough')
    expect(probe.reasons).toEqual([token.reason])
    expect(process.listenerCount('SIGHUP')).toBe(before)
  })

  test('polls and watches its parts, and copies itself', () => {
    const clock = scriptedClock()
    const source = allOf(new TimeoutSource(50), anyOf(new TimeoutSource(70), new CancelationToken()))
    const link = connected(source)
    const other = new Probe()
    const copy = link.copy(other)!
    copy.connect()
    expect([link.watch, clock.dues]).toEqual([WATCH_DEADLINE, [50, 70, 50, 70]])
    link.disconnect()
    expect(clock.dues).toEqual([50, 70])
    for (const time of [60, 70]) {
      clock.time = time
      for (const each of [link, copy]) each.poll()
      deliver()
    }
    expect(probe.reasons).toEqual([])
    expect(other.reasons).toMatchObject([{ kind: 'all', causes: [{ timeout: 50 }, { timeout: 70 }] }])
    expect(clock.dues).toEqual([])
  })
})

const far = { 'process.rss': '1TB' } as const

/** Uses a guard, and returns a weak reference to it. */
function useGuard(): WeakRef<object> {
  const watched = guard(far)
  new Cancelable({ resources: watched }).enter()[Symbol.dispose]()
  watched.close()
  return new WeakRef(watched)
}

describe('limits', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void

  test('have a name', () => {
    using watched = guard(far, { name: 'heap' })
    expect(new ResourceSource(watched).name).toBe('heap')
    expect(new ResourceSource(far).name).toBe('process.rss')
  })

  test('of a guard that is closed are refused at the start, and not watched from outside', () => {
    const watched = guard(far)
    const link = connected(new ResourceSource(watched))
    expect([link.watch, link.terms().length]).toEqual([WATCH_GUARD, 1])
    watched.close()
    expect(link.terms()).toEqual([])
    link.disconnect()
    expect(link.terms()).toEqual([])
    expect(codeOf(() => linkTo(new ResourceSource(watched), probe).connect())).toBe('ERR_INVALID_ARG_VALUE')
  })

  test('are shared until the last has let go, also if one does so twice', async () => {
    let checks = 0
    const limits = { conditions: { ready: { check: () => ++checks > 0, interval: 1 } } }
    const [first, second] = [resourceLink(limits, probe), resourceLink(limits, new Probe())]
    for (const each of [first, second]) each.connect()
    first.disconnect()
    first.disconnect()
    expect(second.terms()).toHaveLength(1)
    await until(() => checks > 3)
    second.disconnect()
    const after = checks
    // A check that was still repeated would be due before the later ones of a check that starts now.
    let later = 0
    const last = resourceLink({ conditions: { ready: { check: () => ++later > 0, interval: 1 } } }, probe)
    last.connect()
    await until(() => later > 3)
    last.disconnect()
    expect(checks).toBe(after)
  })

  test('under a dry run cancel nothing', async () => {
    let isReady = true
    const conditions = { ready: { check: () => isReady, interval: 1 } }
    using watched = guard({ conditions }, { dryRun: true })
    const operation = new Cancelable({ resources: watched }).enter()
    isReady = false
    await until(() => watched.isBreached)
    expect(operation.isCanceled).toBe(false)
    expect(new Cancelable({ resources: watched }).enter().isCanceled).toBe(false)
    operation[Symbol.dispose]()
  })

  test('that were crossed earlier do not count', async () => {
    let isReady = false
    using watched = guard({ conditions: { ready: { check: () => isReady, interval: 1 } } })
    expect(watched.isBreached).toBe(true)
    isReady = true
    await until(() => !watched.isBreached)
    const link = connected(new ResourceSource(watched))
    pollGuards()
    expect(probe.reasons).toEqual([])
    link.disconnect()
  })

  test('are a guard itself, or limits', () => {
    const imitation = Object.create(Guard.prototype) as Guard
    expect(() => new ResourceSource(imitation)).toThrow(/limits, or a guard itself/)
  })

  test('leave no listener on the guard', () => {
    using watched = guard(far)
    let listeners = 0
    const on = watched.on.bind(watched) as (...args: unknown[]) => Disposable
    watched.on = (...args: unknown[]) => {
      const listener = on(...args)
      listeners++
      return { [Symbol.dispose]: () => (listeners--, listener[Symbol.dispose]()) }
    }
    for (let round = 0; round < 2; round++) {
      const operations = [1, 2].map(() => new Cancelable({ resources: watched }).enter())
      expect(listeners).toBe(2)
      for (const each of operations) each[Symbol.dispose]()
      expect(listeners).toBe(0)
    }
  })

  test('do not retain a guard that was used', async () => {
    const held = useGuard()
    for (let round = 0; held.deref() !== undefined && round < 100; round++) {
      await new Promise(setImmediate)
      collect()
    }
    expect(held.deref()).toBeUndefined()
  })

  test('that are crossed cancel those that were there before, with one reason', async () => {
    let isReady = true
    using watched = guard({ conditions: { ready: { check: () => isReady, interval: 1 } } })
    const runs = [1, 2].map(() => Cancelable.run((cancel) => cancel.sleep('1h'), { resources: watched }))
    isReady = false
    const errors = await Promise.all(runs.map((run) => rejection(run)))
    const [first, second] = errors.map((error) => (error as { reason: CancelationReason }).reason)
    expect(first).toMatchObject({ kind: 'resource', breach: { metric: expect.any(String) } })
    expect(second).toBe(first)
    expect(linkTo(new ResourceSource(watched), probe).connect()).toBe(first)
  })
})
