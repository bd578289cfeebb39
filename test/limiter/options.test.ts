/** The options of limiters and of their runs: what is refused, and how. */
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { limiter, type LimiterOptions } from '../../src/index.js'

describe('limiter()', () => {
  const refused: [what: string, options: unknown, code: string, message: string | RegExp][] = [
    ['no options', undefined, 'ERR_INVALID_ARG_TYPE', /"options" argument must be an object/],
    ['no max', { resources: { memory: 90 } }, 'ERR_INVALID_ARG_TYPE', /"max" option must be a number/],
    ['max 0', { max: 0 }, 'ERR_OUT_OF_RANGE', /"max" option.*whole number of 1 or more/],
    ['max Infinity', { max: Infinity }, 'ERR_OUT_OF_RANGE', /"max"/],
    ['a fraction', { max: 1.5 }, 'ERR_OUT_OF_RANGE', /"max"/],
    ['min above max', { max: 2, min: 3 }, 'ERR_OUT_OF_RANGE', /"min" option.*at most 'max', which is 2/],
    ['initial below min', { max: 9, min: 3, initial: 2 }, 'ERR_OUT_OF_RANGE', /"initial"/],
    ['initial above max', { max: 9, initial: 10 }, 'ERR_OUT_OF_RANGE', /"initial"/],
    ['factor 1', { max: 9, factor: 1 }, 'ERR_OUT_OF_RANGE', /"factor"/],
    ['factor NaN', { max: 9, factor: NaN }, 'ERR_OUT_OF_RANGE', /"factor"/],
    ['step 0', { max: 9, step: 0 }, 'ERR_OUT_OF_RANGE', /"step"/],
    ['an interval of 1 ms', { max: 9, interval: '1ms' }, 'ERR_OUT_OF_RANGE', /"interval" option.*10 ms or more/],
    ['a hold without a unit', { max: 9, hold: '1' }, 'ERR_INVALID_ARG_VALUE', /"hold"/],
    ['latency 1', { max: 9, latency: 1 }, 'ERR_INVALID_ARG_TYPE', /"latency" option must be true or false/],
    ['maxWaiting -1', { max: 9, maxWaiting: -1 }, 'ERR_OUT_OF_RANGE', /"maxWaiting"/],
    ['a name of another type', { max: 9, name: 1 }, 'ERR_INVALID_ARG_TYPE', /"name"/],
    ['no resources', { max: 9 }, 'ERR_INVALID_ARG_VALUE', /"resources" option must be limits, a guard, or several/],
    ['an empty array', { max: 9, resources: [] }, 'ERR_INVALID_ARG_VALUE', /"resources"/],
    ['a misspelled metric', { max: 9, resources: { memry: 90 } }, 'ERR_INVALID_ARG_VALUE', /Did you mean 'memory'/],
    ['a misspelled option', { max: 9, maxWating: 1 }, 'ERR_INVALID_ARG_VALUE', /Did you mean 'maxWaiting'/],
  ]
  it.each(refused)('refuses %s', (_, options, code, message) => {
    let error: unknown
    try {
      limiter(options as LimiterOptions)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string })
  })

  it('has defaults that follow from max', () => {
    expect(limiter({ min: 3, max: 3 }).toJSON()).toEqual({
      name: 'limiter',
      limit: 3,
      min: 3,
      max: 3,
      active: 0,
      waiting: 0,
      closed: false,
    })
    expect(limiter({ max: 64, resources: { memory: '99%' } }).toJSON()).toMatchObject({ limit: 1, min: 1, max: 64 })
    expect(inspect(limiter({ min: 3, max: 3, name: 'jobs' }))).toContain('jobs')
  })
})

describe('run() of a limiter', () => {
  const limit = limiter({ min: 1, max: 1 })
  const refused: [what: string, call: () => unknown, code: string, message: RegExp][] = [
    ['no function', () => limit.run(1 as never), 'ERR_INVALID_ARG_TYPE', /"fn" argument must be a function/],
    ['a priority NaN', () => limit.run(() => 1, { priority: NaN }), 'ERR_INVALID_ARG_TYPE', /"priority"/],
    ['a wait without a unit', () => limit.run(() => 1, { wait: '1' as never }), 'ERR_INVALID_ARG_VALUE', /"wait"/],
    ['a negative timeout', () => limit.run(() => 1, { timeout: -1 }), 'ERR_OUT_OF_RANGE', /"timeout"/],
    [
      'a misspelled priority',
      () => limit.run(() => 1, { priorty: 1 } as never),
      'ERR_INVALID_ARG_VALUE',
      /'priority'\?/,
    ],
    ['an unknown option', () => limit.run(() => 1, { prio: 1 } as never), 'ERR_INVALID_ARG_VALUE', /'prio'/],
    ['an event', () => limit.on('changed' as 'change', () => undefined), 'ERR_INVALID_ARG_VALUE', /'change'/],
    ['a listener', () => limit.on('change', 1 as never), 'ERR_INVALID_ARG_TYPE', /"listener"/],
    ['an option of close', () => limit.close({ drian: true } as never), 'ERR_INVALID_ARG_VALUE', /'drain'/],
    ['a queue', () => limit.drive({} as never), 'ERR_INVALID_ARG_TYPE', /"queue"/],
    ['a queue of unknown use', () => limit.drive({ concurrency: 1 }), 'ERR_INVALID_ARG_VALUE', /"usage"/],
    ['a function of unknown use', () => limit.drive(() => undefined), 'ERR_INVALID_ARG_TYPE', /"usage"/],
  ]
  it.each(refused)('refuses %s at the call, and takes no slot', (_, call, code, message) => {
    let error: unknown
    try {
      call()
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string })
    expect([limit.active, limit.waiting, limit.closed]).toEqual([0, 0, false])
  })
})
