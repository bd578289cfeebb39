/** Limits as options: defaults, units, selectors, and what is refused. */
import { describe, expect, it } from 'vitest'
import { thrown } from '../cancelable/helpers.js'
import { parseLimits, type Limits, type ParsedLimit } from '../../src/monitor/limits.js'

function parse(limits: unknown): readonly ParsedLimit[] {
  return parseLimits(limits as Limits).limits
}

function parseOne(limits: unknown): ParsedLimit {
  const [first] = parse(limits)
  return first!
}

function messageOf(limits: unknown): string {
  try {
    parse(limits)
  } catch (error) {
    return (error as Error).message
  }
  return 'no error'
}

describe('a limit', () => {
  it('as a bare number applies in the direction in which the metric gets worse', () => {
    expect(parseOne({ memory: 90 })).toMatchObject({ direction: 'above', enter: 90 })
    expect(parseOne({ 'disk.free': '500MB' })).toMatchObject({ direction: 'below', enter: 500e6 })
  })

  it('may be against that direction, and on either value of a flag', () => {
    expect(parseOne({ battery: { above: 90 } })).toMatchObject({ direction: 'above', enter: 90 })
    expect(parseOne({ memory: { below: 10 } })).toMatchObject({ direction: 'below', enter: 10 })
    expect(parseOne({ throttled: 0 })).toMatchObject({ direction: 'above', enter: 0 })
    expect(parseOne({ 'power.online': 1 })).toMatchObject({ direction: 'below', enter: 1 })
    expect(parseOne({ throttled: { below: 1 } })).toMatchObject({ direction: 'below', enter: 1 })
  })

  it('clears 10 % inside by default, on either side', () => {
    expect(parseOne({ memory: 90 }).exit).toBeCloseTo(81)
    expect(parseOne({ 'memory.available': 1000 }).exit).toBeCloseTo(1100)
    expect(parseOne({ load: 0 }).exit).toBe(0)
  })

  it('never clears beyond the end of the scale', () => {
    expect(parseOne({ memory: { below: 95 } }).exit).toBeCloseTo(97.5)
  })

  it('takes `for` from the metric', () => {
    expect(parseOne({ cpu: 90 }).for).toBe(1000)
    expect(parseOne({ memory: 90 }).for).toBe(0)
    expect(parseOne({ cpu: { above: 90, for: '5s' } }).for).toBe(5000)
  })

  it('reads units', () => {
    expect(parseOne({ 'process.rss': '64MiB' }).enter).toBe(64 * 2 ** 20)
    expect(parseOne({ 'process.rss': { above: '64MB' } }).enter).toBe(64e6)
    expect(parseOne({ memory: '90%' }).enter).toBe(90)
    expect(parseOne({ 'process.cpu': 250 }).enter).toBe(250)
    expect(parseOne({ 'network.rx': '1MB/s' }).enter).toBe(1e6)
  })

  it('reads texts without a unit as numbers in that of the metric, except sizes', () => {
    expect(parseOne({ memory: ' 90 ' }).enter).toBe(90)
    expect(parseOne({ temperature: { below: '-5', clear: '-4.5C' } })).toMatchObject({ enter: -5, exit: -4.5 })
    expect(parseOne({ sockets: '100' }).enter).toBe(100)
    expect(parseOne({ 'eventLoop.delay': '200' }).enter).toBe(200)
    for (const metric of ['process.rss', 'network.rx'] as const)
      expect(() => parse({ [metric]: '500' })).toThrow("'500'")
    expect(() => parse({ memory: '-1' })).toThrow('0 to 100')
    expect(() => parse({ sockets: '-1' })).toThrow('0 or more')
  })

  it('may be one of several on a metric', () => {
    const limits = parse({
      disk: [
        { path: '/', above: 90 },
        { path: '/tmp', above: 95 },
      ],
    })
    expect(limits.map((each) => each.series.name)).toEqual(['/', '/tmp'])
  })

  it('applies to the machine by default', () => {
    expect(parseOne({ 'pressure.io': { above: 1, scope: 'machine' } }).series).toEqual(
      parseOne({ 'pressure.io': 1 }).series,
    )
    expect(parseOne({ 'pressure.io': { above: 1, scope: 'group' } }).series.name).toBe('group')
    expect(() => parseOne({ 'pressure.io': { above: 1, scope: 'host' } })).toThrow("must be 'machine' or 'group'")
  })

  it.each<[Limits, Limits]>([
    [{ 'disk.free(/data)': '1GB' }, { 'disk.free': { below: '1GB', path: '/data' } }],
    [{ 'disk(/data)': { above: 90, for: '2s' } }, { disk: { above: 90, for: '2s', path: '/data' } }],
    [{ 'disk(/a (b)/c\u00a0d)': 90 }, { disk: { above: 90, path: '/a (b)/c\u00a0d' } }],
    [{ 'network.rx( eth0 )': '1MB' }, { 'network.rx': { above: '1MB', interface: 'eth0' } }],
    [{ 'temperature(acpitz)': '80C' }, { temperature: { above: 80, zone: 'acpitz' } }],
    [{ 'gpu(card1)': [90] as never }, { gpu: [{ above: 90, gpu: 'card1' }] }],
    [{ 'pressure.io(group)': 5 }, { 'pressure.io': { above: 5, scope: 'group' } }],
    [{ 'process.rss(812)': { above: '1GB', tree: true } }, { 'process.rss': { above: '1GB', pid: 812, tree: true } }],
  ])('with its selector in the key: %j', (text, keys) => {
    expect(parse(text)).toEqual(parse(keys))
  })

  it('may be on the same metric with different selectors, in the order of the keys', () => {
    const limits = parse({ 'disk(/)': 90, disk: { above: 80, path: '/b' }, 'disk(/tmp)': [{ above: 95 }] })
    expect(limits.map((each) => [each.series.name, each.enter])).toEqual([
      ['/', 90],
      ['/b', 80],
      ['/tmp', 95],
    ])
  })

  it('has keys whose types are as precise as the metrics', () => {
    // @ts-expect-error `memory` takes no selector
    expect(() => parseLimits({ 'memory(/data)': 90 })).toThrow('takes no selector')
    // @ts-expect-error there is no such metric
    expect(() => parseLimits({ 'dsik(/data)': 90 })).toThrow("Did you mean 'disk'?")
    // @ts-expect-error a limit has no such option
    expect(() => parseLimits({ 'disk(/data)': { abvoe: 90 } })).toThrow("Did you mean 'above'?")
  })

  it("treats this process's own pid as this process", () => {
    expect(parseOne({ 'process.rss': { above: 1, pid: process.pid } }).series.pid).toBe(0)
  })
})

describe('bad input', () => {
  const cases: readonly [name: string, limits: unknown, code: string, message: RegExp][] = [
    ['an unknown metric', { memroy: 90 }, 'ERR_INVALID_ARG_VALUE', /'memroy'.*Did you mean 'memory'/],
    ['NaN', { memory: NaN }, 'ERR_OUT_OF_RANGE', /memory\.above/],
    ['a negative number', { memory: -1 }, 'ERR_OUT_OF_RANGE', /memory\.above.*-1/],
    ['150 %', { memory: 150 }, 'ERR_OUT_OF_RANGE', /0 to 100/],
    ['above and below together', { memory: { above: 1, below: 2 } }, 'ERR_INVALID_ARG_VALUE', /exactly one/],
    ['neither', { memory: {} }, 'ERR_INVALID_ARG_VALUE', /exactly one/],
    ['no limits', {}, 'ERR_INVALID_ARG_VALUE', /at least one/],
    ['an empty list', { memory: [] }, 'ERR_INVALID_ARG_VALUE', /at least one/],
    ['a size that makes no sense', { 'process.rss': '12 apples' }, 'ERR_INVALID_ARG_VALUE', /12 apples/],
    ['a size without a unit', { 'process.rss': '12' }, 'ERR_INVALID_ARG_VALUE', /'12'/],
    ['5 parsecs', { cpu: { above: 90, for: '5 parsecs' } }, 'ERR_INVALID_ARG_VALUE', /5 parsecs/],
    ['a duration below 0', { cpu: { above: 90, for: -1 } }, 'ERR_OUT_OF_RANGE', /cpu\.for/],
    ['a misspelled option', { cpu: { abvoe: 90 } }, 'ERR_INVALID_ARG_VALUE', /Did you mean 'above'/],
    ['clear on the wrong side', { memory: { above: 50, clear: 60 } }, 'ERR_OUT_OF_RANGE', /at most 50/],
    ['a path for a metric without one', { memory: { above: 50, path: '/' } }, 'ERR_INVALID_ARG_VALUE', /has no path/],
    ['an averaging window on a level', { memory: { above: 50, over: 100 } }, 'ERR_INVALID_ARG_VALUE', /level/],
    ['a pid of 0', { 'process.rss': { above: 50, pid: 0 } }, 'ERR_OUT_OF_RANGE', /pid/],
    [
      'a text without its end',
      { 'disk(/data': 90 },
      'ERR_INVALID_ARG_VALUE',
      /expected a selector.*\n {2}disk\(\/data\n {6}\^/,
    ],
    ['a text with more than a metric', { 'disk(/) > 90': 90 }, 'ERR_INVALID_ARG_VALUE', /or the end\n.*\n {10}\^/],
    ['a text without a selector', { 'disk()': 90 }, 'ERR_INVALID_ARG_VALUE', /expected a path/],
    ['a pid of 0 as text', { 'process.rss(0)': '1GB' }, 'ERR_INVALID_ARG_VALUE', /expected a process id/],
    [
      'a selector twice',
      { 'disk(/)': { above: 90, path: '/' } },
      'ERR_INVALID_ARG_VALUE',
      /"disk\(\/\)\.path".*brackets/,
    ],
    ['a wrong value under a text', { 'disk(/)': 150 }, 'ERR_OUT_OF_RANGE', /"disk\(\/\)\.above".*0 to 100/],
    ['an empty list under a text', { 'disk(/)': [] }, 'ERR_INVALID_ARG_VALUE', /"disk\(\/\)".*at least one/],
    ['null', null, 'ERR_INVALID_ARG_TYPE', /null/],
    ['a list', [1], 'ERR_INVALID_ARG_TYPE', /Array/],
    ['a value of a strange type', { memory: true }, 'ERR_INVALID_ARG_TYPE', /boolean/],
    ['an unknown onMissing', { memory: { above: 1, onMissing: 'cry' } }, 'ERR_INVALID_ARG_VALUE', /Received 'cry'$/],
    [
      'a misspelled onMissing',
      { memory: { above: 1, onMissing: 'ingore' } },
      'ERR_INVALID_ARG_VALUE',
      /'throw', 'ignore' or 'breach'\. Received 'ingore'\. Did you mean 'ignore'\?$/,
    ],
    [
      'a text of a duration below 0',
      { cpu: { above: 90, for: '-5s' } },
      'ERR_OUT_OF_RANGE',
      /be 0 or more. Rec.*'-5s'$/,
    ],
    ['a text of a size below 0', { 'process.rss': '-5MB' }, 'ERR_OUT_OF_RANGE', /0 bytes or more.*'-5MB'$/],
    ['true for a flag', { throttled: true }, 'ERR_INVALID_ARG_TYPE', /a limit such as \{ above: 0 \}/],
    ['a flag above 1', { throttled: 1 }, 'ERR_OUT_OF_RANGE', /must be 0: 'throttled' is 0 or 1, so \{ above: 0 \}/],
    [
      'a flag below 0',
      { 'power.online': 0 },
      'ERR_OUT_OF_RANGE',
      /must be 1: .* \{ below: 1 \} is crossed while it is 0/,
    ],
    ['a flag below 2', { throttled: { below: 2 } }, 'ERR_OUT_OF_RANGE', /throttled\.below/],
  ]
  it.each(cases)('%s', (_, limits, code, message) => {
    expect(() => parse(limits)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error,
    )
  })
})

describe('the message about', () => {
  it.each([
    ['temp', 'temperature'],
    ['cpu.temperature', 'temperature'],
    ['memory.free', 'memory.available'],
    ['process.memory', 'process.rss'],
    ['disk.usage', 'disk'],
    ['RAM', 'memory'],
    ['loadavg', 'load'],
    ['lag', 'eventLoop.delay'],
    // The last part of one name only.
    ['rss', 'process.rss'],
    ['fds', 'process.fds'],
    // A misspelled one.
    ['memroy', 'memory'],
  ])('the metric %s suggests %s', (given, meant) => {
    expect(messageOf({ [given]: 1 })).toBe(`Unknown metric '${given}'. Did you mean '${meant}'?`)
  })

  it('a word that is not allowed is whole where Node prints an uncaught error', () => {
    const { stack } = thrown(() => parse({ memory: { above: 1, onMissing: 'ingore' } })) as Error
    expect(stack).toContain("Did you mean 'ignore'?\n")
  })

  it("a limit's unknown hysteresis suggests clear", () => {
    expect(messageOf({ memory: { above: 90, hysteresis: 5 } })).toMatch(/Did you mean 'clear'\?$/)
  })

  it.each([
    ['5 sec', '5s'],
    ['2min', '2m'],
    ['1 Hour', '1h'],
    ['20 msec', '20ms'],
  ])('the duration %s suggests %s', (given, meant) => {
    expect(messageOf({ cpu: { above: 90, for: given } })).toContain(`, so '${meant}'. Received`)
    expect(parse({ cpu: { above: 90, for: meant } })).toHaveLength(1)
  })

  it.each([
    ['200m', "'200MB' or '200MiB'"],
    ['200 Mb', "'200MB' or '200MiB'"],
    ['5k', "'5kB' or '5KiB'"],
    ['1.5gib', "'1.5GiB'"],
  ])('the size %s suggests sizes that are accepted: %s', (given, meant) => {
    const message = messageOf({ 'process.rss': given })
    expect(message).toContain(`, so ${meant}.`)
    for (const [, size] of meant.matchAll(/'([^']+)'/g)) expect(parse({ 'process.rss': size })).toHaveLength(1)
  })
})
