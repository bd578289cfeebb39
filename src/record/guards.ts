/** Guards as a recording describes them. */
import { SELECTORS, type MetricScope } from '../addon/metrics.js'
import type { SeriesKey } from '../addon/sampler.js'
import type { ParsedCondition } from '../monitor/conditions.js'
import { kLimits, kRules, type Guard } from '../monitor/guard.js'
import type { ParsedLimit } from '../monitor/limits.js'
import { selectorOf } from '../monitor/selectors.js'
import type { RecordedGuard, RecordedLimit } from './format.js'

/** The value of a selector that is a text; undefined for the default. */
export function selectorText(scope: MetricScope, key: SeriesKey): string | undefined {
  const selector = selectorOf(scope, key) as Readonly<Record<string, unknown>>
  const text = selector[SELECTORS[scope][0] ?? '']
  return typeof text === 'string' ? text : undefined
}

export function describeGuard(guard: Guard): RecordedGuard {
  const { all, conditions } = guard[kRules]
  return { name: guard.name, all, limits: [...guard[kLimits].map(describeLimit), ...conditions.map(describeCondition)] }
}

function describeLimit({ series, info, direction, enter, exit, for: dwell }: ParsedLimit): RecordedLimit {
  const selector = selectorText(info.scope, series)
  return {
    metric: info.name,
    ...(selector === undefined ? {} : { selector }),
    [direction]: enter,
    clear: exit,
    for: dwell,
    unit: info.unit,
  }
}

function describeCondition({ name, for: dwell }: ParsedCondition): RecordedLimit {
  return { metric: name, condition: true, for: dwell }
}
