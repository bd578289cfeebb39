/** Guards on values that were recorded, through `simulate()`, against the model. */
import * as fc from 'fast-check'
import { expect } from 'vitest'
import type { Limit, Limits, MetricName } from '../../src/index.js'
import { parseExpression } from '../../src/monitor/expression.js'
import { simulate, type SimulateOptions, type SimulatedBreach, type TraceSpan } from '../../src/testing/index.js'
import { GuardHistory, type ModelLimit, type Seen } from './guard-model.js'
import type { Model } from './harness.js'

// Metrics of several units, with lines in a range in which random values cross them often.
const METRICS = {
  memory: { default: 0, max: 100, flag: false },
  cpu: { default: 1000, max: 100, flag: false },
  temperature: { default: 0, max: Infinity, flag: false },
  'process.threads': { default: 0, max: Infinity, flag: false },
  throttled: { default: 0, max: 1, flag: true },
} as const satisfies { readonly [metric in MetricName]?: unknown }
type Name = keyof typeof METRICS

const NAMES = Object.keys(METRICS) as Name[]

interface GivenLimit {
  readonly metric: Name
  readonly direction: 'above' | 'below'
  readonly enter: number
  /** How far inside the line it is clear; undefined for the default. */
  readonly margin: number | undefined
  readonly for: number | undefined
  readonly clearFor: number | undefined
  readonly onMissing: 'throw' | 'ignore' | 'breach' | undefined
}

export interface Program {
  readonly limits: readonly GivenLimit[]
  readonly mode: 'any' | 'all' | undefined
  readonly minHold: number | undefined
  readonly interval: number | undefined
  readonly rows: readonly { readonly wait: number; readonly values: readonly (Seen | 'again')[] }[]
}

const duration = fc.constantFrom(0, 1, 500, 1000, 1500, 3000, 10_000)
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 })

const limit: fc.Arbitrary<GivenLimit> = fc.record({
  metric: fc.constantFrom(...NAMES),
  direction: fc.constantFrom('above', 'below'),
  enter: fc.constantFrom(0, 1, 20, 50, 80, 100),
  margin: maybe(fc.constantFrom(0, 1, 10, 40)),
  for: maybe(duration),
  clearFor: maybe(duration),
  onMissing: maybe(fc.constantFrom('throw', 'ignore', 'breach')),
})

const value = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(0, 1, 10, 19, 20, 21, 45, 50, 51, 55, 72, 79, 80, 81, 90, 99, 100) },
  { weight: 3, arbitrary: fc.constant('again' as const) },
  { weight: 2, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: fc.constant(undefined) },
)

const programs: fc.Arbitrary<Program> = fc.record({
  limits: fc.array(limit, { minLength: 1, maxLength: 3 }),
  mode: maybe(fc.constantFrom('any', 'all')),
  minHold: maybe(duration),
  interval: maybe(fc.constantFrom(100, 500, 1000, Infinity)),
  rows: fc.array(
    fc.record({
      wait: fc.constantFrom(0, 1, 100, 500, 500, 1000, 1000, 1000, 2000, 5000, 60_000),
      values: fc.array(value, { minLength: NAMES.length, maxLength: NAMES.length }),
    }),
    { minLength: 1, maxLength: 40, size: 'max' },
  ),
})

/** The line on the metric's scale. Of a flag, there is one for each direction: others are refused, because it cannot cross them. */
function lineOf({ metric, direction, enter }: Pick<GivenLimit, 'metric' | 'direction' | 'enter'>): number {
  const { max, flag } = METRICS[metric]
  if (flag) return direction === 'above' ? 0 : 1
  return Math.min(enter, max)
}

/** The limit with what its options leave out, by the manual. */
function toModel({ metric, direction, margin, onMissing = 'throw', ...given }: GivenLimit): ModelLimit {
  const { max, flag, default: dwell } = METRICS[metric]
  const enter = lineOf({ metric, direction, enter: given.enter })
  const inside = direction === 'above' ? -1 : 1
  const byDefault = flag ? enter : enter + inside * Math.abs(enter) * 0.1
  // Where 10 % would lie beyond the scale, half of the rest.
  const bounded = direction === 'below' && !flag ? Math.min(byDefault, (enter + max) / 2) : byDefault
  const exit = margin === undefined ? bounded : clearOf(enter, direction, margin, max)
  return { direction, enter, exit, for: given.for ?? dwell, clearFor: given.clearFor ?? 0, onMissing }
}

function clearOf(enter: number, direction: 'above' | 'below', margin: number, max: number): number {
  return direction === 'above' ? Math.max(0, enter - margin) : Math.min(max, enter + margin)
}

function toLimit({ metric, direction, margin, clearFor, onMissing, ...given }: GivenLimit): Limit {
  const { max } = METRICS[metric]
  const enter = lineOf({ metric, direction, enter: given.enter })
  const clear = margin === undefined ? undefined : clearOf(enter, direction, margin, max)
  const written = { [direction]: enter, for: given.for, clear }
  const rest = { clearFor, onMissing }
  // What has a form as text, is read from it.
  if (metric === 'temperature') return { ...written, ...rest }
  const text = [
    `${metric} ${direction === 'above' ? '>' : '<'} ${enter}`,
    ...(given.for === undefined ? [] : [`for ${given.for}ms`]),
    ...(clear === undefined ? [] : [`clear ${clear}`]),
  ]
  return { ...parseExpression(text.join(' ')).limit, ...rest }
}

interface Row {
  readonly time: number
  readonly values: ReadonlyMap<Name, Seen>
}

function toRows({ rows, limits }: Program): Row[] {
  const used = NAMES.filter((name) => limits.some(({ metric }) => metric === name))
  const last = new Map<Name, Seen>()
  let time = 0
  return rows.map(({ wait, values }, index) => {
    time += wait
    const seen = used.map((name): [Name, Seen] => {
      const given = values[NAMES.indexOf(name)]
      // The trace must have each metric.
      const fresh = given === 'again' ? last.get(name) : given
      const found = index === 0 ? (fresh ?? null) : fresh
      last.set(name, found)
      return [name, typeof found === 'number' ? Math.min(found, METRICS[name].max) : found]
    })
    return { time, values: new Map(seen) }
  })
}

/** The gap before each row. */
function gapsOf(rows: readonly Row[], given: number | undefined): number[] {
  const distances = rows.map(({ time }, index) => (index === 0 ? 0 : time - rows[index - 1]!.time))
  const positive = distances.filter((each) => each > 0).toSorted((a, b) => a - b)
  const interval = given ?? positive[Math.floor(positive.length / 2)] ?? Infinity
  return distances.map((each) => (each > 3 * interval ? each - interval : 0))
}

interface Expected {
  readonly breaches: SimulatedBreachShape[]
  readonly unavailable: TraceSpan[]
}
type SimulatedBreachShape = TraceSpan & { readonly breaches: readonly unknown[] }

function endLast(spans: { end: number | undefined }[], time: number): void {
  const last = spans.at(-1)
  if (last !== undefined) last.end ??= time
}

function expected(
  guard: GuardHistory,
  names: readonly Name[],
  rows: readonly Row[],
  gaps: readonly number[],
): Expected {
  const breaches: { start: number; end: number | undefined; breaches: unknown[] }[] = []
  const unavailable: { start: number; end: number | undefined }[] = []
  let count = 0
  const see = (time: number, gap: number, values: readonly Seen[]): void => {
    guard.see(time, gap, values)
    if (guard.state === 'clear' || guard.state === 'pending') endLast(breaches, time)
    if (guard.breaches > count) {
      endLast(breaches, time)
      const evidence = guard.evidence.map(({ limit: { enter, direction }, evidence: each }) => ({
        limit: enter,
        direction,
        value: each.value,
        since: each.since,
        at: each.at,
        recent: each.recent,
      }))
      breaches.push({ start: time, end: undefined, breaches: evidence })
      count = guard.breaches
    }
    if (guard.state !== 'unavailable') endLast(unavailable, time)
    else if (unavailable.length === 0 || unavailable.at(-1)!.end !== undefined) {
      unavailable.push({ start: time, end: undefined })
    }
  }
  rows.forEach(({ time, values }, index) => {
    const end = guard.holdEnd
    // Nothing ends in a gap, which nothing observed.
    if (end !== undefined && end <= time - gaps[index]!)
      see(
        end,
        0,
        names.map(() => undefined),
      )
    see(
      time,
      gaps[index]!,
      names.map((name) => values.get(name)),
    )
  })
  return { breaches, unavailable }
}

function shapeOf(breaches: readonly SimulatedBreach[]): SimulatedBreachShape[] {
  return breaches.map(({ start, end, breaches: all }) => ({
    start,
    end,
    breaches: all.map(({ limit: line, direction, value: found, since, at, recent }) => ({
      limit: line,
      direction,
      value: found,
      since,
      at,
      recent: [...recent],
    })),
  }))
}

export const simulatedGuards: Model<Program> = {
  programs,
  runs: 120,
  async run(program) {
    const rows = toRows(program)
    // Limits of one metric come together, in the order of the metrics.
    const names = [...new Set(program.limits.map(({ metric }) => metric))]
    const given = names.flatMap((name) => program.limits.filter(({ metric }) => metric === name))
    const limits: Limits = Object.fromEntries(
      names.map((name) => [name, given.filter(({ metric }) => metric === name).map(toLimit)]),
    )
    const { mode, minHold, interval } = program
    const options: SimulateOptions = { mode, minHold, interval }
    const trace = rows.map(({ time, values }) => ({
      time,
      values: Object.fromEntries([...values].filter(([, each]) => each !== undefined)),
    }))
    const result = await simulate(limits, trace, options)

    const gaps = gapsOf(rows, interval)
    const keys = given.map(({ metric }) => metric)
    const lines = given.map(toModel)
    const whole = expected(new GuardHistory(lines, mode === 'all', minHold ?? 0), keys, rows, gaps)
    expect(shapeOf(result.breaches), 'breaches').toEqual(whole.breaches)
    expect(result.unavailable, 'unavailable').toEqual(whole.unavailable)
    expect(result.gaps, 'gaps').toEqual(
      rows.flatMap(({ time }, index) => (gaps[index]! > 0 ? [{ start: time - gaps[index]!, end: time }] : [])),
    )
    result.limits.forEach(({ breaches }, index) => {
      const alone = expected(new GuardHistory([lines[index]!], false, 0), [keys[index]!], rows, gaps)
      expect(shapeOf(breaches), `breaches of limit ${index}`).toEqual(alone.breaches)
    })
    return rows.length
  },
}
