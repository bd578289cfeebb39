/** The options of a ticker, and what is wrong with bad ones. */
import { describe, expect, it } from 'vitest'
import { Guard } from '../../src/monitor/guard.js'
import { CancelationToken } from '../../src/sources/token.js'
import { parseOptions, parsePeriod } from '../../src/schedule/options.js'
import { every } from '../../src/schedule/ticker.js'

const nothing = (): void => undefined

describe('a period', () => {
  it.each([
    [1, 1],
    ['250us', 0.25],
    ['10ms', 10],
    ['1000d', 86_400_000_000],
    [{ hz: 1000 }, 1],
    [{ hz: 4000 }, 0.25],
    [{ hz: 0.5 }, 2000],
    [{ hz: 1000 / 86_400_000_000 }, 86_400_000_000],
  ])('%j is %d ms', (given, ms) => {
    expect(parsePeriod(given)).toBe(ms)
  })

  it.each([0, -1, NaN, Infinity, 0.2, '100us', '0ms', '2000d', { hz: 4001 }, { hz: 0 }, { hz: -5 }, { hz: NaN }])(
    '%j is out of range',
    (given) => {
      expect(() => every(given, nothing)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }))
      expect(() => every(given, nothing)).toThrow(
        /"(period|hz)" (?:option|argument) is out of range: it must be .*(250us|4000)|"period"/,
      )
    },
  )

  it('says what is wrong', () => {
    expect(() => parsePeriod('100us')).toThrow(
      'The "period" argument is out of range: it must be 250us (4000 Hz) to 1000 days. Received \'100us\'',
    )
    expect(() => parsePeriod({ hz: 5000 })).toThrow('Received 5000')
    expect(() => parsePeriod('soon')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
    expect(() => parsePeriod(undefined as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }))
    expect(() => parsePeriod({ hz: '5' } as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }))
    expect(() => parsePeriod({ hz: 5, Hz: 5 } as never)).toThrow("Unknown period option 'Hz'. Did you mean 'hz'?")
  })
})

describe('options', () => {
  it('have defaults', () => {
    expect(parseOptions({})).toMatchObject({ missed: 'coalesce', concurrency: 1, priority: 0, slow: 1, maxBurst: 100 })
    expect(parseOptions({ guard: { memory: 90 } }).slow).toBe(Infinity)
    expect(parseOptions({ guard: { memory: 90 }, whileBreached: { slow: 4 } }).slow).toBe(4)
    for (const [whileBreached, slow] of [
      ['pause', Infinity],
      ['run', 1],
      ['cancel', 1],
      [undefined, Infinity],
    ] as const) {
      expect(parseOptions({ guard: { memory: 90 }, whileBreached }).slow).toBe(slow)
    }
    expect(parseOptions({}).slow).toBe(1)
    expect(parseOptions({}).operation.name).toBe('ticker')
    for (const timeout of [undefined, Infinity]) expect(parseOptions({ timeout }).timeout).toBeUndefined()
    expect(parseOptions({ timeout: '1s' }).timeout).toBe(1000)
  })

  it('give the limits to the ticker, or, where a breach cancels, to its operation', () => {
    const resources = { memory: 90 }
    expect(parseOptions({ resources })).toMatchObject({ guard: resources, operation: { resources: undefined } })
    const canceling = parseOptions({ resources, whileBreached: 'cancel' })
    expect(canceling).toMatchObject({ guard: undefined, operation: { resources } })
  })

  it('name the limits as they were given', () => {
    const imitation = Object.create(Guard.prototype) as Guard
    expect(() => parseOptions({ guard: imitation })).toThrow(/"guard"/)
    expect(() => parseOptions({ resources: imitation })).toThrow(/"resources"/)
  })

  it('that are misspelled name the nearest', () => {
    expect(() => every(1, nothing, { missd: 'skip' } as never)).toThrow(
      "Unknown ticker option 'missd'. Did you mean 'missed'?",
    )
    expect(() => every(1, nothing, { whileBreach: 'pause' } as never)).toThrow("Did you mean 'whileBreached'?")
    const guard = { memory: 90 }
    expect(() => every(1, nothing, { guard, whileBreached: { slwo: 2 } } as never)).toThrow(/whileBreached/)
  })

  it.each([
    [{ missed: 'drop' }, 'ERR_INVALID_ARG_VALUE', /'coalesce', 'skip', 'burst' or 'delay'/],
    [{ concurrency: 0 }, 'ERR_OUT_OF_RANGE', /"concurrency"/],
    [{ concurrency: 1.5 }, 'ERR_OUT_OF_RANGE', /"concurrency"/],
    [{ maxBurst: NaN }, 'ERR_OUT_OF_RANGE', /"maxBurst"/],
    [{ maxBurst: '5' }, 'ERR_INVALID_ARG_TYPE', /"maxBurst"/],
    [{ timeout: -1 }, 'ERR_OUT_OF_RANGE', /"timeout"/],
    [{ timeout: 'soon' }, 'ERR_INVALID_ARG_VALUE', /"timeout"/],
    [{ priority: NaN }, 'ERR_INVALID_ARG_TYPE', /"priority"/],
    [{ realTime: 1 }, 'ERR_INVALID_ARG_TYPE', /"realTime"/],
    [{ whileBreached: 'pause' }, 'ERR_INVALID_ARG_VALUE', /"whileBreached".*"guard"|no 'resources'/],
    [{ guard: { memory: 90 }, whileBreached: 'stop' }, 'ERR_INVALID_ARG_VALUE', /'run', 'pause', 'cancel' or/],
    [{ guard: { memory: 90 }, whileBreached: { slow: 1 } }, 'ERR_OUT_OF_RANGE', /"slow"/],
    [{ guard: { memory: 90 }, whileBreached: { slow: NaN } }, 'ERR_OUT_OF_RANGE', /"slow"/],
    [{ guard: { memory: 90 }, whileBreached: { slow: Infinity } }, 'ERR_OUT_OF_RANGE', /"slow"/],
    [{ guard: { memory: 90 }, whileBreached: { slow: '2' } }, 'ERR_INVALID_ARG_TYPE', /"slow"/],
    [{ guard: { memory: 90 }, whileBreached: { slow: 2, fast: 2 } }, 'ERR_INVALID_ARG_VALUE', /'fast'/],
    [{ guard: { memory: 90 }, whileBreached: {} }, 'ERR_INVALID_ARG_VALUE', /'run', 'pause', 'cancel' or/],
    [{ guard: { memory: 90 }, whileBreached: null }, 'ERR_INVALID_ARG_VALUE', /'run', 'pause', 'cancel' or/],
    [{ guard: { memroy: 90 } }, 'ERR_INVALID_ARG_VALUE', /Did you mean 'memory'/],
    [{ guard: { memory: 101 } }, 'ERR_OUT_OF_RANGE', /memory/],
    [{ token: {} }, 'ERR_INVALID_ARG_TYPE', /"token"/],
    [{ onError: 'log' }, 'ERR_INVALID_ARG_TYPE', /"onError"/],
    [null, 'ERR_INVALID_ARG_TYPE', /"options"/],
  ])('%j are refused', (options, code, message) => {
    expect(() => every(10, nothing, options as never)).toThrow(expect.objectContaining({ code }))
    expect(() => every(10, nothing, options as never)).toThrow(message)
  })

  it('need a body', () => {
    expect(() => every(10, undefined as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }))
  })

  it('with a token that is canceled make a ticker that has ended', async () => {
    const token = new CancelationToken()
    token.cancel('too late')
    const ticker = every(1, () => expect.unreachable(), { token })
    expect(ticker.state).toBe('closed')
    expect(await ticker.done).toMatchObject({ kind: 'manual', message: 'too late' })
    await ticker.close()
  })
})
