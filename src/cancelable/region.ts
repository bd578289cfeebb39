/**
 * Regions: synchronous calls that end when their operation is canceled, although they never poll. Another thread watches what
 * can cancel it, because no JavaScript runs here meanwhile. See `native/node/region.h`.
 */
import { executionAsyncId } from 'node:async_hooks'
import { types } from 'node:util'
import { ENDED_WITH_OUTER, REFUSED, regionDepth, regionEnd, takeEndedTerm } from '../addon/board.js'
import { engineProblem, otherCopy } from '../addon/engine.js'
import type { Addon } from '../addon/native.js'
import { connect, toSamplerTime } from '../addon/sampler.js'
import { now } from '../base/clock.js'
import { PreemptionUnavailableError, invalidState, invalidType, invalidValue } from '../base/errors.js'
import { timeoutReason } from '../base/reason.js'
import { WATCH_DEADLINE } from '../engine/link.js'
import { deliverLater } from '../engine/propagation.js'
import { isForeign } from '../engine/timers.js'
import { NO_TERMS, observe, TEST_SIGNAL, TEST_TIME, type Term, type Test } from '../engine/watching.js'
import { cancelWith, deadlineOf } from './lifecycle.js'
import { errorOf, kFlags, kLinks, kParent, kReason, kStatus, kTimeout, type Operation } from './operation.js'
import { isCanceled, refusalOf } from './poll.js'
import { PENDING } from './state.js'

/** Whether functions can be ended in this runtime. */
export interface Preemption {
  /** Whether `preemptible` works. */
  readonly available: boolean
  /** Human-readable reason why it does not; empty if it does. */
  readonly why: string
}

/**
 * Whether `preemptible` works in this runtime. It needs functions of V8 that have no promised names: those that are missing, or
 * do not behave, are named.
 *
 * @throws NativeMissingError
 */
export function preemption(): Preemption {
  const why = problem()
  return { available: why === '', why }
}

/** Code of another copy cannot be recognized, and what it was doing would stay half done. */
function problem(): string {
  const other = otherCopy()
  return other === undefined
    ? engineProblem()
    : `another copy of tripline is loaded, from ${other}, whose code it would break`
}

/** Two clocks are compared, so a time counts as over this much later, in milliseconds. */
const MARGIN_MS = 0.05

/** A region that runs. */
interface Level {
  readonly operation: Operation
  terms: readonly Term[]
  /** The shared memory that is watched. */
  readonly arrays: Int32Array[]
  /** How many of each signal had arrived before. */
  readonly signals: Map<number, number>
  ordered: boolean
}

/** From the outermost on. What a foreign termination has left behind is cut off by `regionDepth()`. */
const levels: Level[] = []
let addon: Addon | undefined

/** @throws PreemptionUnavailableError, NativeMissingError */
function prepare(): Addon {
  const why = problem()
  if (why !== '') throw new PreemptionUnavailableError(why)
  addon = connect()
  observe({ marked: orderCanceled, changed: watchAnew })
  return addon
}

/** Runs `fn` so that it ends when the operation is canceled. */
export function preemptible<T>(operation: Operation, fn: () => T): T {
  checkFunction(fn)
  if (operation[kStatus] === PENDING) {
    throw invalidState('preemptible() needs a running operation, and this one was not started')
  }
  const refusal = refusalOf(operation)
  if (refusal !== undefined) throw refusal
  const native = addon === undefined || otherCopy() !== undefined ? prepare() : addon
  const depth = regionDepth()
  const level: Level = { operation, terms: NO_TERMS, arrays: [], signals: new Map(), ordered: false }
  levels.length = depth
  levels.push(level)
  const due = earliestDeadline(operation)
  const tests = hasLinks(operation) ? encode(level) : undefined
  // Native code knows this call by its place in the file, so it is the only one.
  const asyncId = executionAsyncId()
  const result = native.region(fn, toSamplerTime(due) + MARGIN_MS, tests, level.arrays)
  const end = regionEnd()
  if (end !== 0) {
    if (executionAsyncId() !== asyncId) restoreAsyncId(native, asyncId)
    throw endError(level, depth, end, result)
  }
  if (isPromiseLike(result)) throw refusePromise(result)
  return result
}

let popAsyncContext: ((id: number) => boolean) | undefined

/**
 * Node's code that enters and leaves an async scope was ended in between, because V8 had inlined it. Unless the ids that it has
 * left are taken away, Node ends the process when the scope around this one is left.
 */
function restoreAsyncId(native: Addon, id: number): void {
  popAsyncContext ??= native.asyncContextPop()
  while (executionAsyncId() !== id && popAsyncContext?.(executionAsyncId()) === true);
}

function checkFunction(fn: unknown): void {
  if (typeof fn !== 'function') throw invalidType('fn argument', 'a function', fn)
  const kind = types.isAsyncFunction(fn) ? 'asynchronous' : types.isGeneratorFunction(fn) ? 'a generator' : ''
  if (kind === '') return
  throw invalidValue('fn argument', `a function whose work is done when it returns, and this one is ${kind}`, fn)
}

/** Like `await`, but runs no code of the result, which nothing would end any more. */
function isPromiseLike(value: unknown): value is object {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  for (let each: object | null = value; each !== null && !types.isProxy(each); each = Object.getPrototypeOf(each)) {
    const then = Object.getOwnPropertyDescriptor(each, 'then')
    if (then !== undefined) return typeof then.value === 'function'
  }
  return false
}

function refusePromise(result: object): Error {
  // The error below is reported, and not that one. Other thenables may begin to work when they are asked.
  if (types.isPromise(result)) void Promise.prototype.then.call(result, undefined, () => undefined)
  return invalidValue(
    'fn argument',
    'a function whose work is done when it returns, and this one has returned a promise',
    result,
  )
}

/** The error of a region that was ended, or not even begun. */
function endError(level: Level, depth: number, end: number, result: unknown): Error {
  const term = takeEndedTerm()
  if (end === REFUSED) return new PreemptionUnavailableError(String(result))
  const { operation } = level
  if (end === ENDED_WITH_OUTER) {
    const outer = [level, ...levels.slice(0, depth)].find((each) => isCanceled(each.operation))
    if (outer !== undefined) return errorOf(outer.operation)
    return invalidState('the region around this one was ended')
  }
  for (const test of level.terms[term] ?? []) test.happened?.()
  deliverLater()
  if (!isCanceled(operation)) {
    // Its clock was set back meanwhile.
    cancelWith(operation, timeoutReason(operation[kTimeout] ?? 0, now()))
  }
  return errorOf(operation)
}

/** When the time of the operation or of an ancestor is over, on the clock of `performance.now()`. */
function earliestDeadline(operation: Operation): number {
  let earliest = Infinity
  for (let each: Operation | null = operation; each !== null; each = each[kParent]) {
    if ((each[kFlags] & WATCH_DEADLINE) === 0) break
    // A clock of a test does not run on while the thread is blocked.
    if (!isForeign(each)) earliest = Math.min(earliest, deadlineOf(each))
  }
  return earliest
}

function hasLinks(operation: Operation): boolean {
  for (let each: Operation | null = operation; each !== null; each = each[kParent]) {
    if (each[kLinks] !== null) return true
  }
  return false
}

function termsOf(operation: Operation): Term[] {
  const due = earliestDeadline(operation)
  const terms: Term[] = due === Infinity ? [] : [[{ kind: TEST_TIME, value: due }]]
  for (let each: Operation | null = operation; each !== null; each = each[kParent]) {
    for (let link = each[kLinks]; link !== null; link = link.sibling) terms.push(...link.terms())
  }
  return terms
}

/** What the level waits for, as native code reads it. */
function encode(level: Level): Float64Array {
  level.terms = termsOf(level.operation)
  level.arrays.length = 0
  const numbers = level.terms.flatMap((term) =>
    term.flatMap((test, index) => [test.kind, ...valuesOf(test, level), index === term.length - 1 ? 1 : 0]),
  )
  return Float64Array.from(numbers)
}

function valuesOf(test: Test, { arrays, signals }: Level): [number, number] {
  const { kind, value, except = 0, words } = test
  if (words !== undefined) return [arrays.push(words) - 1, value]
  if (kind === TEST_TIME) return [toSamplerTime(value) + MARGIN_MS, 0]
  if (kind !== TEST_SIGNAL) return [value, except]
  const before = signals.get(value) ?? addon!.signalsReceived(value)
  signals.set(value, before)
  return [value, before]
}

/** Something was canceled in this thread, perhaps by the code in a region. */
function orderCanceled(): void {
  const depth = regionDepth()
  for (let at = 0; at < depth; at++) {
    const level = levels[at]!
    if (level.ordered || level.operation[kReason] === null) continue
    level.ordered = true
    addon!.orderRegion(at)
  }
}

/** The code in a region has given an operation more time, a sign of life, or another source. */
function watchAnew(): void {
  const depth = regionDepth()
  for (let at = 0; at < depth; at++) {
    const level = levels[at]!
    addon!.watchRegion(at, encode(level), level.arrays)
  }
}
