/** Conditions beside metrics: breached, recovered, failing, hanging, and never two checks at once. */
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { samplerStats } from '../../src/addon/sampler.js'
import { breachChannel, clearChannel } from '../../src/base/diagnostics.js'
import type { Breach } from '../../src/base/reason.js'
import { Cancelable } from '../../src/cancelable/cancelable.js'
import { describeBreach } from '../../src/monitor/breach.js'
import { guard, type Guard, type GuardState } from '../../src/monitor/guard.js'
import type { GuardCheck } from '../../src/monitor/conditions.js'
import type { Limits } from '../../src/monitor/limits.js'
import { capabilities } from '../../src/monitor/capabilities.js'
import { every } from '../../src/schedule/ticker.js'
import { block } from '../cancelable/helpers.js'
import { eventually } from '../helpers/eventually.js'
import type { FakeMachine } from '../helpers/fake-machine.js'
import { onFreshMachines } from '../helpers/fresh-machine.js'

let machine: FakeMachine
onFreshMachines((fresh) => (machine = fresh))

/** A check whose answer the test sets. */
class Switch {
  answer: boolean | Error | Promise<boolean>
  calls = 0

  constructor(answer: boolean | Error | Promise<boolean> = true) {
    this.answer = answer
  }

  readonly check = (): boolean | Promise<boolean> => {
    this.calls++
    if (this.answer instanceof Error) throw this.answer
    return this.answer
  }

  /** Resolves once the check has been called again, so that the previous answer was judged. */
  async judged(): Promise<void> {
    const { calls } = this
    await eventually(() => this.calls > calls + 1)
  }
}

const yes = (): boolean => true
const silent = (): Promise<boolean> => new Promise(() => undefined)

function runUnder(ready: () => boolean): Promise<void> {
  return Cancelable.run((cancel) => cancel.sleep(5), { resources: { conditions: { ready } } })
}

function hasState(watched: Guard, state: GuardState): Promise<void> {
  return eventually(() => watched.state === state, `state ${state}`)
}

describe('a condition', () => {
  it('that does not hold is a breach at once, with its name in the evidence', () => {
    const ready = new Switch(false)
    using watched = guard({ memory: 90, conditions: { ready: ready.check } })
    expect(watched.name).toBe('memory, ready')
    expect(watched.state).toBe('breached')
    expect(watched.breaches).toEqual([
      expect.objectContaining({ metric: 'ready', value: 0, limit: 1, unit: 'condition', origin: 'check', recent: [0] }),
    ])
    expect('error' in watched.breaches[0]!).toBe(false)
    expect(describeBreach(watched.breaches[0]!)).toBe('ready failed')
    expect(watched.sampling.map(({ metric }) => metric)).toEqual(['memory'])
  })

  it('reaches listeners, diagnostics, signal and whenClear with its breach and its end', async () => {
    const ready = new Switch()
    const seen: unknown[] = []
    const note = (message: unknown): number => seen.push(message)
    breachChannel.subscribe(note)
    clearChannel.subscribe(note)
    using watched = guard({ conditions: { ready: { check: ready.check, interval: 5 } } })
    const { signal } = watched
    const breached = new Promise<Breach>((resolve) => watched.on('breach', resolve))
    expect(watched.state).toBe('clear')
    ready.answer = false
    await once(signal, 'abort')
    const breach = await breached
    expect(breach.metric).toBe('ready')
    expect(watched.isBreached).toBe(true)
    expect(watched.breaches).toEqual([breach])
    ready.answer = true
    await watched.whenClear()
    expect(watched.breaches).toEqual([])
    expect(watched.latestBreaches).toEqual([breach])
    breachChannel.unsubscribe(note)
    clearChannel.unsubscribe(note)
    expect(seen).toEqual([{ guard: watched, breach }, { guard: watched }])
  })

  it('may be asynchronous, and changes nothing until the first answer is there', async () => {
    let answer!: (holds: boolean) => void
    const check = (): Promise<boolean> => new Promise((resolve) => (answer = resolve))
    using watched = guard({ conditions: { ready: { check, interval: 5 } } })
    expect(watched.state).toBe('clear')
    answer(false)
    await hasState(watched, 'breached')
  })

  it('waits for `for` and `clearFor`', async () => {
    const ready = new Switch(false)
    using watched = guard({ conditions: { ready: { check: ready.check, interval: 5, for: '1h' } } })
    await ready.judged()
    expect(watched.state).toBe('pending')
    ready.answer = true
    await hasState(watched, 'clear')
    using slow = guard({ conditions: { ready: { check: ready.check, interval: 5, for: 20, clearFor: '1h' } } })
    ready.answer = false
    await hasState(slow, 'breached')
    expect(slow.breaches[0]!.at - slow.breaches[0]!.since).toBeGreaterThanOrEqual(20)
    expect(describeBreach(slow.breaches[0]!)).toMatch(/^ready has failed for /)
    ready.answer = true
    await hasState(slow, 'clearing')
    expect(slow.isBreached).toBe(true)
  })

  it('is held by minHold', async () => {
    const ready = new Switch(false)
    using watched = guard({ conditions: { ready: { check: ready.check, interval: 5 } } }, { minHold: '1h' })
    ready.answer = true
    await hasState(watched, 'clearing')
    expect(watched.breaches).toEqual(watched.latestBreaches)
  })

  it('is judged together with metrics in mode all, each with its evidence', async () => {
    const ready = new Switch(false)
    using watched = guard(
      { memory: 90, conditions: { ready: { check: ready.check, interval: 5 } } },
      { mode: 'all', within: 10 },
    )
    await ready.judged()
    expect(watched.isBreached).toBe(false)
    machine.setMemory(95)
    await hasState(watched, 'breached')
    expect(watched.breaches.map(({ metric }) => metric)).toEqual(['memory', 'ready'])
  })

  it('does not appear among the capabilities', () => {
    using _ = guard({ conditions: { ready: () => true } })
    expect(capabilities().map(({ metric }) => metric as string)).not.toContain('ready')
  })
})

describe('a check that fails', () => {
  it('is a breach with the error as evidence, and waits for `for`', async () => {
    const failure = new Error('connect\u001B[31m ECONNREFUSED')
    const ready = new Switch(failure)
    using watched = guard({ conditions: { ready: ready.check } })
    expect(watched.breaches).toMatchObject([{ metric: 'ready', value: NaN, error: failure }])
    expect(describeBreach(watched.breaches[0]!)).toBe('ready failed: connect\\u001b[31m ECONNREFUSED')
    using patient = guard({ conditions: { ready: { check: ready.check, interval: 5, for: '1h' } } })
    await ready.judged()
    expect(patient.state).toBe('pending')
  })

  it.each([
    ['rejects', () => Promise.reject(new Error('no')), 'no'],
    ['returns no boolean', () => 1, 'must be true or false'],
    ['resolves to nothing', () => Promise.resolve(undefined), 'must be true or false'],
  ])('because it %s', async (_, check: () => unknown, says) => {
    using watched = guard({ conditions: { ready: { check: check as GuardCheck, interval: 5 } } })
    await hasState(watched, 'breached')
    expect(describeBreach(watched.breaches[0]!)).toContain(says)
  })

  it('keeps the error of the breach, not of a later failure', async () => {
    const ready = new Switch(new Error('first'))
    using watched = guard({ conditions: { ready: { check: ready.check, interval: 5 } } })
    ready.answer = new Error('second')
    await ready.judged()
    expect(watched.breaches[0]!.error).toMatchObject({ message: 'first' })
  })

  it('may be ignored', async () => {
    const ready = new Switch(new Error('no'))
    using watched = guard({ conditions: { ready: { check: ready.check, interval: 5, onMissing: 'ignore' } } })
    await ready.judged()
    await ready.judged()
    expect(watched.state).toBe('clear')
    ready.answer = false
    await hasState(watched, 'breached')
  })

  it('may be an error when the guard is made, which leaves nothing open', () => {
    const cause = new Error('no')
    const other = new Switch()
    const conditions = { other: other.check, ready: { check: new Switch(cause).check, onMissing: 'throw' } } as const
    expect(() => guard({ memory: 90, conditions })).toThrow(
      expect.objectContaining({ code: 'ERR_TRIPLINE_METRIC_UNAVAILABLE', metric: 'ready', why: 'no', cause }) as Error,
    )
    expect(samplerStats()).toMatchObject({ guards: 0, series: 0 })
  })

  it('may make the guard unavailable later: from the second failure on', async () => {
    const ready = new Switch()
    using watched = guard({ conditions: { ready: { check: ready.check, interval: 5, onMissing: 'throw' } } })
    const lost = new Promise<Error>((resolve) => watched.on('unavailable', resolve))
    const cause = new Error('gone')
    ready.answer = cause
    const error = await lost
    expect(error).toMatchObject({ metric: 'ready', cause })
    expect(error.message).toBe("The check of the condition 'ready' failed: gone")
    expect(watched.state).toBe('unavailable')
    ready.answer = true
    await hasState(watched, 'clear')
  })
})

describe('a check that hangs', () => {
  it('fails at its timeout and again until `for` is over; its signal aborts, and no other check begins', async () => {
    let calls = 0
    let signal: AbortSignal | undefined
    const check = (given: AbortSignal): Promise<boolean> => {
      calls++
      signal = given
      return new Promise(() => undefined)
    }
    using watched = guard({ conditions: { ready: { check, interval: 5, timeout: 10, for: 30 } } })
    await hasState(watched, 'breached')
    expect(signal!.reason).toMatchObject({ name: 'TimeoutError' })
    expect(describeBreach(watched.breaches[0]!)).toMatch(
      /^ready has failed for .*: The check has not answered for 10 ms$/,
    )
    expect(calls).toBe(1)
  })

  it('is followed by the next check once it has settled; its late answer is not used', async () => {
    let answer!: (holds: boolean) => void
    const later = [
      new Promise<boolean>((resolve) => (answer = resolve)),
      Promise.resolve(false),
      Promise.resolve(false),
    ]
    const check = (): Promise<boolean> => later.shift() ?? Promise.resolve(true)
    using watched = guard({ conditions: { ready: { check, interval: 5, timeout: 10 } } })
    await hasState(watched, 'breached')
    answer(true)
    await hasState(watched, 'clear')
    // Had the late answer been used, this would have been three breaches.
    expect([later.length, watched.breachCount]).toEqual([0, 1])
  })

  it('never overlaps with the next', async () => {
    let running = 0
    let most = 0
    let calls = 0
    const check = async (): Promise<boolean> => {
      calls++
      most = Math.max(most, ++running)
      await delay(10)
      running--
      return true
    }
    using _ = guard({ conditions: { ready: { check, interval: 1, timeout: 2 } } })
    await eventually(() => calls > 5)
    expect(most).toBe(1)
  })

  it('fails although the loop was blocked meanwhile', async () => {
    using watched = guard({ conditions: { ready: { check: silent, interval: 5, timeout: 20 } } })
    const end = performance.now() + 150
    while (performance.now() < end);
    await hasState(watched, 'breached')
  })

  it('does not fail because the loop was blocked', async () => {
    const ready = new Switch()
    let rounds = 3
    const check = async (): Promise<boolean> => {
      // While it waits for its answer, which comes two turns later: the timers that have become due come before.
      if (rounds-- > 0) queueMicrotask(() => block(150))
      await new Promise(setImmediate)
      await new Promise(setImmediate)
      return ready.check()
    }
    using watched = guard({ conditions: { ready: { check, interval: 5, timeout: 20 } } })
    await eventually(() => rounds < 0)
    await ready.judged()
    expect(watched.breachCount).toBe(0)
  })
})

describe('the time in which no check could begin', () => {
  it('does not count into `for`', async () => {
    const ready = new Switch(false)
    using watched = guard({ conditions: { ready: { check: ready.check, interval: 10, for: 400 } } })
    await ready.judged()
    const end = performance.now() + 1000
    while (performance.now() < end);
    const blockedUntil = performance.now()
    await hasState(watched, 'breached')
    const [breach] = watched.breaches
    // Lower bounds only, because a busy machine may take longer.
    expect(breach!.at).toBeGreaterThan(blockedUntil)
    expect(breach!.since).toBeGreaterThan(blockedUntil - 400)
  })
})

describe('a guard with conditions', () => {
  it('ends its checks when it is closed, and aborts the one in progress', async () => {
    const ready = new Switch()
    let signal: AbortSignal | undefined
    const hanging = (given: AbortSignal): Promise<boolean> => {
      signal = given
      return new Promise(() => undefined)
    }
    const watched = guard({ conditions: { ready: { check: ready.check, interval: 1 }, hanging } })
    await ready.judged()
    watched.close()
    expect(signal!.aborted).toBe(true)
    const { calls } = ready
    await delay(20)
    expect(ready.calls).toBe(calls)
  })

  it('gives a check without a timeout a signal, too', () => {
    let signal: AbortSignal | undefined
    const check = (given: AbortSignal): Promise<boolean> => {
      signal = given
      return silent()
    }
    const watched = guard({ conditions: { ready: { check, timeout: Infinity } } })
    expect(signal!.aborted).toBe(false)
    watched.close()
    expect(signal!.aborted).toBe(true)
  })

  it('may be closed by its own check, and by a listener', async () => {
    const watched: Guard = guard({
      conditions: { ready: { check: () => (watched as Guard | undefined)?.close() === undefined, interval: 1 } },
    })
    await eventually(() => watched.closed)
    expect(watched.state).toBe('clear')
  })

  it('cancels operations that have it as resources, and those that have its limits', async () => {
    const ready = new Switch()
    using watched = guard({ conditions: { ready: { check: ready.check, interval: 5 } } })
    const limits: Limits = { memory: 90, conditions: { own: { check: ready.check, interval: 5 } } }
    const ended = [watched, limits].map((resources) =>
      Cancelable.run((cancel) => cancel.sleep('1h'), { resources }).catch((error: unknown) => error),
    )
    ready.answer = false
    const [first, second] = await Promise.all(ended)
    expect(first).toMatchObject({ reason: { kind: 'resource', breach: { metric: 'ready' } } })
    expect(second).toMatchObject({ reason: { kind: 'resource', guard: 'memory, own', breach: { metric: 'own' } } })
    // No check goes on after the last operation.
    const { calls } = ready
    await eventually(() => ready.calls > calls)
    watched.close()
    const after = ready.calls
    await delay(20)
    expect(ready.calls).toBe(after)
    // Only guards without conditions are kept for the next operation.
    expect(samplerStats()!.guards).toBe(0)
  })

  it('is shared by operations only if the function is the same', async () => {
    const calls = [0, 0]
    const checks = calls.map((_, index) => (): boolean => ++calls[index]! > 0)
    await Promise.all([runUnder(checks[0]!), runUnder(checks[0]!), runUnder(checks[1]!)])
    expect(calls).toEqual([1, 1])
  })

  it('pauses a ticker', async () => {
    const ready = new Switch()
    using watched = guard({ conditions: { ready: { check: ready.check, interval: 5 } } })
    const ticker = every(5, () => undefined, { guard: watched, whileBreached: 'pause' })
    ready.answer = false
    await eventually(() => ticker.state === 'paused')
    ready.answer = true
    await eventually(() => ticker.state !== 'paused')
    await ticker.close()
  })
})

describe('bad input', () => {
  it.each([
    [{ conditions: 1 }, 'ERR_INVALID_ARG_TYPE', /"conditions".*object of conditions/],
    [{ conditions: {} }, 'ERR_INVALID_ARG_VALUE', /at least one/],
    [{ conditions: { ready: undefined } }, 'ERR_INVALID_ARG_VALUE', /at least one/],
    [{ conditions: { ready: true } }, 'ERR_INVALID_ARG_TYPE', /"conditions\.ready".*function/],
    [{ conditions: { ready: {} } }, 'ERR_INVALID_ARG_TYPE', /function `check`/],
    [{ conditions: { '': () => true } }, 'ERR_INVALID_ARG_VALUE', /not empty/],
    [{ conditions: { a: { check: yes, intervall: 1 } } }, 'ERR_INVALID_ARG_VALUE', /'interval'/],
    [{ conditions: { a: { check: yes, interval: 0 } } }, 'ERR_OUT_OF_RANGE', /conditions\.a\.interval/],
    [{ conditions: { a: { check: yes, timeout: 0 } } }, 'ERR_OUT_OF_RANGE', /conditions\.a\.timeout/],
    [{ conditions: { a: { check: yes, for: -1 } } }, 'ERR_OUT_OF_RANGE', /conditions\.a\.for/],
    [{ conditions: { a: { check: yes, onMissing: 'x' } } }, 'ERR_INVALID_ARG_VALUE', /onMissing/],
    [{ ready: () => true }, 'ERR_INVALID_ARG_VALUE', /among the conditions: \{ conditions: \{ ready: \.\.\. \} \}/],
    [{ ready: { check: () => true } }, 'ERR_INVALID_ARG_VALUE', /among the conditions/],
    [{ memroy: 90, conditions: { a: yes } }, 'ERR_INVALID_ARG_VALUE', /Did you mean 'memory'/],
  ])('%o', (limits, code, message) => {
    const matches = { code, message: expect.stringMatching(message) as string }
    expect(() => guard(limits as Limits)).toThrow(expect.objectContaining(matches) as Error)
    expect(samplerStats()?.guards ?? 0).toBe(0)
  })

  it('is found by the compiler, which still checks the names of metrics', () => {
    expectTypeOf<{ memory: 90; conditions: { ready: () => true } }>().toExtend<Limits>()
    // @ts-expect-error -- no such metric
    const wrong: Limits = { memroy: 90 }
    // @ts-expect-error -- not among the conditions
    const misplaced: Limits = { ready: { check: () => true } }
    // @ts-expect-error -- answers with no boolean
    const answer: Limits = { conditions: { ready: () => 1 } }
    expect([wrong, misplaced, answer]).toHaveLength(3)
  })
})
