/** Reasons as bytes, for other threads: cut to a size, with times that every thread can read, and checked when read. */
import { isOomKill } from '../base/oom.js'
import { amended, isReason, type Breach, type CancelationReason, type StackFrame } from '../base/reason.js'
import type { Selector } from '../base/selector.js'

/** Characters of a message that always fit. */
const MESSAGE = 500
/** A cause may refer to infinitely many values; more than this could never fit. */
const VALUES = 4096

/**
 * The reason as text, with as much of its evidence as fits and can be converted to JSON. Never throws.
 *
 * @param size the most bytes that it may have; at least 2 KiB
 */
export function packReason(reason: CancelationReason, size: number): Uint8Array {
  for (const each of [() => reason, () => withoutEvidence(reason)]) {
    try {
      const text = encode(each())
      if (text.length <= size) return text
    } catch {
      // A circular reference, a BigInt, a getter that throws, or a chain that is too deep.
    }
  }
  return encode({ kind: 'manual', message: reason.message.slice(0, MESSAGE), at: reason.at })
}

/** The reason that was packed, with its times on this thread's clock; null for any other bytes. Never throws. */
export function unpackReason(bytes: Uint8Array): CancelationReason | null {
  try {
    const reason: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return isWhole(reason) ? amended(shifted(reason, -performance.timeOrigin), {}) : null
  } catch {
    return null
  }
}

function encode(reason: CancelationReason): Uint8Array {
  let values = 0
  const withoutClasses = (_key: string, value: unknown): unknown => {
    if (++values > VALUES) throw new RangeError('Too much for a shared reason')
    return value instanceof Error ? { name: value.name, message: value.message } : value
  }
  return new TextEncoder().encode(JSON.stringify(shifted(reason, performance.timeOrigin), withoutClasses))
}

/** A reason of the same kind, with the same message. */
function withoutEvidence(reason: CancelationReason): CancelationReason {
  const short = { ...reason, message: reason.message.slice(0, MESSAGE) }
  switch (short.kind) {
    case 'abort':
    case 'error':
      return { ...short, cause: short.message }
    case 'all':
      return { ...short, causes: [] }
    case 'resource': {
      const { error: _, stack: __, ...breach } = short.breach
      return { ...short, breach: { ...breach, recent: [] } }
    }
    case 'parent': {
      const { parent: _, ...rest } = short
      return rest
    }
    case 'custom':
      return { ...short, data: undefined }
    case 'timeout':
    case 'idle':
    case 'manual':
    case 'signal':
    case 'condition':
    case 'oom':
      return short
  }
}

/** Whether a value from shared memory has every property of its kind. */
function isWhole(value: unknown): value is CancelationReason {
  if (!isReason(value) || !Number.isFinite(value.at)) return false
  if (![value.by, value.source].every((each) => each === undefined || typeof each === 'string')) return false
  switch (value.kind) {
    case 'timeout':
      return isNumber(value.timeout) && isNumber(value.deadline)
    case 'idle':
      return isNumber(value.idle)
    case 'signal':
      return typeof value.signal === 'string'
    case 'condition':
      return typeof value.condition === 'string' && isNumber(value.checks)
    case 'resource':
      return typeof value.guard === 'string' && isBreach(value.breach)
    case 'parent':
      return typeof value.parentId === 'string' && (value.parent === undefined || isWhole(value.parent))
    case 'all':
      return Array.isArray(value.causes) && value.causes.every(isWhole)
    case 'oom':
      return isOomKill(value)
    case 'manual':
    case 'abort':
    case 'error':
    case 'custom':
      return true
  }
}

/** What has no properties fails here, which {@link unpackReason} expects. */
function isBreach(value: unknown): value is Breach {
  const breach = value as Partial<Breach>
  const { metric, selector, direction, unit, origin, limit, since, at, recent, stack } = breach
  if (stack !== undefined && !(Array.isArray(stack) && stack.every(isFrame))) return false
  return (
    [metric, unit, origin].every(isText) &&
    [limit, since, at].every(isNumber) &&
    (direction === 'above' || direction === 'below') &&
    isFigure(breach.value) &&
    Array.isArray(recent) &&
    recent.every(isFigure) &&
    (selector === undefined || isSelector(selector))
  )
}

const SELECTOR_TYPES: Partial<Record<string, string>> = { pid: 'number', tree: 'boolean' }

function isSelector(value: unknown): value is Selector {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).every(([key, part]) => typeof part === (SELECTOR_TYPES[key] ?? 'string'))
}

/** A value of a metric, of which JSON writes NaN as null. */
function isFigure(value: unknown): boolean {
  return value === null || isNumber(value)
}

function isFrame(value: unknown): value is StackFrame {
  const { function: name, file, line, column } = value as Partial<StackFrame>
  return [name, file].every(isText) && [line, column].every(isNumber)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}

/**
 * A frozen copy with its times on another clock: a thread's `performance.now()` starts with the thread. The content of
 * a cause is the user's, and is not converted.
 */
function shifted(reason: CancelationReason, by: number): CancelationReason {
  const chain: CancelationReason[] = []
  for (let each: CancelationReason | undefined = reason; each !== undefined;) {
    chain.push(each)
    each = each.kind === 'parent' ? each.parent : undefined
  }
  let copy = shiftedOne(chain.pop()!, by)
  for (let each = chain.pop(); each !== undefined; each = chain.pop()) {
    copy = Object.freeze({ ...shiftedOne(each, by), parent: copy } as CancelationReason)
  }
  return copy
}

function shiftedOne(reason: CancelationReason, by: number): CancelationReason {
  const at = reason.at + by
  switch (reason.kind) {
    case 'timeout':
      return Object.freeze({ ...reason, at, deadline: reason.deadline + by })
    case 'resource': {
      const { breach } = reason
      // JSON has no NaN, and writes null.
      const value = (breach.value as number | null) ?? NaN
      const recent = Object.freeze(breach.recent.map((each: number | null) => each ?? NaN))
      const times = { at: breach.at + by, since: breach.since + by }
      const stack = breach.stack && { stack: Object.freeze(breach.stack.map((each) => Object.freeze({ ...each }))) }
      return Object.freeze({ ...reason, at, breach: Object.freeze({ ...breach, ...times, value, recent, ...stack }) })
    }
    case 'all':
      return Object.freeze({ ...reason, at, causes: Object.freeze(reason.causes.map((each) => shifted(each, by))) })
    case 'idle':
    case 'manual':
    case 'signal':
    case 'condition':
    case 'abort':
    case 'parent':
    case 'error':
    case 'custom':
    case 'oom':
      return Object.freeze({ ...reason, at })
  }
}
