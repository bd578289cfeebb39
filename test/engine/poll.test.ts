/** When checks run, on a scripted clock, and which of their outcomes count. */
import { beforeEach, describe, expect, test } from 'vitest'
import { Poll, type Outcome, type PollSettings } from '../../src/engine/poll.js'
import { useClock } from '../../src/base/clock.js'
import { deferred, turns } from '../cancelable/helpers.js'
import { scriptedClock, type ScriptedClock } from '../helpers/scripted-clock.js'

const INTERVAL = 10
const TIMEOUT = 200

let clock: ScriptedClock
/** What the next checks return; the last one is repeated. */
let results: unknown[]
let signals: (AbortSignal | undefined)[]
let reports: Outcome[]
let onReport: () => void

beforeEach(() => {
  clock = scriptedClock()
  results = []
  signals = []
  reports = []
  onReport = () => undefined
})

function check(...args: AbortSignal[]): unknown {
  signals.push(args[0])
  const result = results.shift()
  if (result instanceof Error) throw result
  return result
}

function report(outcome: Outcome): void {
  reports.push(outcome)
  onReport()
}

function makePoll(settings: Partial<PollSettings> = {}, isReal?: boolean): Poll {
  return new Poll({ check, abortable: true, interval: INTERVAL, timeout: TIMEOUT, ...settings }, report, isReal)
}

/** A promise that the test settles; what depends on it has run when `resolve` or `reject` has resolved. */
function answer(): {
  promise: Promise<unknown>
  resolve: (value: unknown) => Promise<void>
  reject: (error: unknown) => Promise<void>
} {
  const { promise, resolve, reject } = deferred<unknown>()
  return { promise, resolve: (value) => (resolve(value), turns()), reject: (error) => (reject(error), turns()) }
}

/** The outcomes since the last call. */
const taken = (): Outcome[] => reports.splice(0)

const timeoutError = expect.objectContaining({ name: 'TimeoutError', message: 'The check has not answered for 200 ms' })

describe('a check', () => {
  test('that answers at once is followed by the next one, an interval later', () => {
    const failure = new Error('broken')
    results = [1, failure, 3]
    makePoll().start()
    expect([taken(), clock.dues]).toEqual([[{ failed: false, value: 1, late: 0 }], [10]])
    clock.fire(14)
    expect([taken(), clock.dues]).toEqual([[{ failed: true, error: failure, late: 4 }], [24]])
    clock.fire()
    expect(taken()).toEqual([{ failed: false, value: 3, late: 0 }])
  })

  test('that returns a promise is waited for', async () => {
    const [first, second] = [answer(), answer()]
    results = [first.promise, second.promise, 3]
    makePoll().start()
    expect([taken(), clock.dues]).toEqual([[], [200]])
    clock.time = 30
    await first.resolve('yes')
    expect([taken(), clock.dues]).toEqual([[{ failed: false, value: 'yes', late: 0 }], [40]])
    clock.fire(45)
    expect(clock.dues).toEqual([245])
    await second.reject('no')
    expect([taken(), clock.dues]).toEqual([[{ failed: true, error: 'no', late: 5 }], [55]])
  })

  test('may settle before it returns', () => {
    // oxlint-disable-next-line unicorn/no-thenable -- such objects exist, and settle in their `then`
    results = [{ then: (resolve: (value: unknown) => void) => resolve('now') }]
    makePoll().start()
    expect([taken(), clock.dues]).toEqual([[{ failed: false, value: 'now', late: 0 }], [10]])
  })

  test('gets a signal only if it takes one', () => {
    const all: unknown[][] = []
    const note = (...args: unknown[]): void => void all.push(args)
    makePoll({ check: note, abortable: false }).start()
    makePoll({ check: note }).start()
    expect(all).toEqual([[], [expect.any(AbortSignal)]])
  })

  test('may be left without a bound', async () => {
    const slow = answer()
    results = [slow.promise]
    makePoll({ timeout: Infinity }).start()
    expect(clock.dues).toEqual([])
    await slow.resolve(1)
    expect(clock.dues).toEqual([10])
  })
})

describe('a check that hangs', () => {
  test('is reported as failed again and again, and aborted once; its late answer is not used', async () => {
    const slow = answer()
    results = [0, slow.promise, 'next']
    makePoll().start()
    taken()
    clock.fire(13)
    clock.fire()
    expect([taken(), clock.dues]).toEqual([[{ failed: true, error: timeoutError, late: 3 }], [223]])
    const { aborted, reason } = signals[1]!
    expect([aborted, reason]).toEqual([true, timeoutError])
    // However late: that it hangs is known.
    clock.fire(1000)
    expect([taken(), clock.dues]).toEqual([[{ failed: true, error: timeoutError, late: 0 }], [1010]])
    clock.time = 1005
    await slow.resolve('late')
    expect([taken(), clock.dues]).toEqual([[], [1015]])
    clock.fire()
    expect(taken()).toEqual([{ failed: false, value: 'next', late: 0 }])
  })

  test('is not aborted before it is reported', () => {
    results = [answer().promise]
    let aborted: boolean | undefined
    onReport = () => (aborted = signals[0]!.aborted)
    makePoll().start()
    clock.fire()
    expect([aborted, signals[0]!.aborted]).toEqual([false, true])
  })

  test('may have its poll stopped by the report', () => {
    results = [answer().promise]
    const poll = makePoll()
    onReport = () => poll.stop()
    poll.start()
    clock.fire()
    expect([reports.length, clock.dues]).toEqual([1, []])
    // Not with the error of the timeout.
    expect(signals[0]!.reason).toMatchObject({ name: 'AbortError' })
  })
})

describe('a loop that was blocked at the timeout', () => {
  test('gets as long again for the answer', async () => {
    const slow = answer()
    results = [slow.promise]
    makePoll().start()
    clock.fire(250)
    expect([taken(), clock.dues]).toEqual([[], [300]])
    await slow.resolve('yes')
    expect([taken(), clock.dues]).toEqual([[{ failed: false, value: 'yes', late: 0 }], [260]])
  })

  test('does not hide a check that hangs', () => {
    results = [answer().promise]
    makePoll().start()
    clock.fire(300)
    expect([taken(), clock.dues]).toEqual([[], [400]])
    clock.fire()
    expect(taken()).toEqual([{ failed: true, error: timeoutError, late: 0 }])
  })

  test('may have been blocked again', () => {
    results = [answer().promise]
    makePoll().start()
    clock.fire(300)
    clock.fire(460)
    expect([taken(), clock.dues]).toEqual([[], [520]])
    clock.fire()
    expect(taken()).toHaveLength(1)
  })

  test('for less than 50 ms is as late as any', () => {
    results = [answer().promise]
    makePoll().start()
    clock.fire(249)
    expect(taken()).toHaveLength(1)
  })
})

describe('the end', () => {
  test('in a check, in a report, or between two, is the last of it', async () => {
    for (const ending of ['check', 'report', 'between']) {
      const poll: Poll = makePoll({ check: () => void (ending === 'check' && poll.stop()) })
      onReport = () => ending === 'report' && poll.stop()
      poll.start()
      if (ending === 'between') poll.stop()
      expect([ending, reports.splice(0).length, clock.dues]).toEqual([ending, ending === 'check' ? 0 : 1, []])
    }
    const slow = answer()
    results = [slow.promise]
    const asking: Poll = makePoll({ check: () => (asking.stop(), slow.promise) })
    asking.start()
    expect(clock.dues).toEqual([])
    await slow.resolve(1)
    expect([reports, clock.dues]).toEqual([[], []])
  })

  test('aborts the check that runs, whose answer is not used', async () => {
    const slow = answer()
    results = [slow.promise]
    const poll = makePoll()
    poll.start()
    poll.stop()
    expect([signals[0]!.aborted, clock.dues]).toEqual([true, []])
    await slow.resolve(1)
    expect([reports, clock.dues]).toEqual([[], []])
  })

  test('may be followed by a new start', () => {
    const poll = makePoll()
    poll.start()
    poll.stop()
    clock.time = 50
    poll.start()
    expect([taken().map(({ late }) => late), clock.dues]).toEqual([[0, 0], [60]])
    poll.stop()
  })
})

test('one that is real does not use the clock of a test', () => {
  useClock({
    now: () => expect.unreachable(),
    date: () => expect.unreachable(),
    setTimeout: () => expect.unreachable(),
    clearTimeout: () => expect.unreachable(),
  })
  const poll = makePoll({}, true)
  poll.start()
  expect(taken()).toEqual([{ failed: false, value: undefined, late: expect.any(Number) }])
  poll.stop()
})
