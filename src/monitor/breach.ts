/** Breaches: the evidence as users see it, and as one line. */
import { realNow } from '../base/clock.js'
import { describeFrame, topFrame } from '../base/frames.js'
import { invalidType } from '../base/errors.js'
import { printable } from '../base/printable.js'
import { messageOf, type Breach, type StackFrame } from '../base/reason.js'
import { formatDuration, formatPair } from '../base/units.js'
import { findMetric } from '../addon/metrics.js'
import type { NativeEvidence } from '../addon/native.js'
import { toFrames } from '../addon/stacks.js'
import type { ConditionWatch } from './conditions.js'
import type { ParsedLimit } from './limits.js'
import { selectedText } from './metric-text.js'
import { NO_SELECTOR } from './selectors.js'

/** The unit that marks the breach of a condition. */
const CONDITION = 'condition'

/** The evidence of one limit as users see it. @internal */
export function toBreach(
  { info, selector, direction, enter }: ParsedLimit,
  evidence: NativeEvidence,
  toTime: (at: number) => number,
): Breach {
  return Object.freeze({
    metric: info.name,
    ...(selector !== NO_SELECTOR && { selector }),
    value: evidence.value,
    limit: enter,
    direction,
    unit: info.unit,
    since: toTime(evidence.since),
    at: toTime(evidence.at),
    origin: evidence.origin,
    recent: Object.freeze(evidence.recent),
    ...(evidence.stack && { stack: toFrames(evidence.stack) }),
  })
}

/** The evidence of a condition. */
export function conditionBreach({ name, proof }: ConditionWatch, since: number, at: number): Breach {
  const recent = Object.freeze([proof.value])
  const fixed = { metric: name, limit: 1, direction: 'below', unit: CONDITION, origin: 'check', recent } as const
  return Object.freeze({ ...fixed, ...proof, since, at })
}

/** For a guard that was closed after its breach: reading `isCanceled` must not throw. */
export function withoutEvidence(name: string): Breach {
  const at = realNow()
  return { metric: name, value: NaN, limit: NaN, direction: 'above', unit: '', since: at, at, origin: '', recent: [] }
}

/** A block of the event loop that crossed a limit with `stack: true`. */
export interface Block {
  readonly delay: number
  readonly breach: Breach
  readonly stack?: readonly StackFrame[]
}

/** The blocks among the evidence of a breach. */
export function blocksOf(
  limits: readonly ParsedLimit[],
  evidence: readonly NativeEvidence[],
  toTime: (at: number) => number,
): Block[] {
  return evidence.flatMap((each) => {
    const limit = limits[each.limit]
    if (limit?.stack !== true) return []
    const breach = toBreach(limit, each, toTime)
    const { value, stack } = breach
    return [{ delay: each.blocked ?? value, breach, ...(stack && { stack }) }]
  })
}

/**
 * Describes a breach in one line: `'memory 93.1% > 90.0% for 1.2s'`, `'disk.free(/data) 0.9GB < 1.0GB'`, `'database has failed for 10s: connect ECONNREFUSED'`,
 * `'eventLoop.delay 512ms > 500ms in render (/app/page.js:12:7)'`. A stack yields its topmost function that belongs neither to
 * Node nor to this library.
 */
export function describeBreach(breach: Breach): string {
  if (typeof breach !== 'object' || breach === null || typeof breach.unit !== 'string') {
    throw invalidType('breach argument', 'the breach of a guard', breach)
  }
  const { unit, direction, since, at } = breach
  if (unit === CONDITION) return describeCondition(breach)
  const metric = metricOf(breach)
  if (Number.isNaN(breach.value)) return `${metric} is missing`
  const [value, limit] = formatPair(breach.value, breach.limit, unit)
  const lasted = at > since ? ` for ${formatDuration(at - since)}` : ''
  const frame = breach.stack && topFrame(breach.stack)
  const place = frame === undefined ? '' : ` in ${printable(describeFrame(frame))}`
  return `${metric} ${value} ${direction === 'above' ? '>' : '<'} ${limit}${lasted}${place}`
}

/** The metric with its selector, or the name of the condition. @internal */
export function metricOf({ metric, selector }: Breach): string {
  const found = selector === undefined ? undefined : findMetric(metric)
  return found === undefined ? metric : selectedText({ info: found.info, selector: selector! })
}

function describeCondition({ metric, since, at, ...proof }: Breach): string {
  const lasted = at > since ? ` has failed for ${formatDuration(at - since)}` : ' failed'
  const why = 'error' in proof ? `: ${printable(messageOf(proof.error))}` : ''
  return `${metric}${lasted}${why}`
}
