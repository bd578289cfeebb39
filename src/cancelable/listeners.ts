/** Registers and calls an operation's listeners. */
import { inThisContext } from '../base/async-context.js'
import { now } from '../base/clock.js'
import { callIsolated, type ErrorSource } from '../base/diagnostics.js'
import { invalidType } from '../base/errors.js'
import { kContext, type Progress } from '../base/operation-context.js'
import { besideCurrent } from './current.js'
import { touch } from './idle.js'
import { Listeners, type ListenerTypes } from './extras.js'
import { extrasOf, kExtras, kName, kLinks, kParent, type Operation } from './operation.js'
import { checkReport, messageOfReport, ProgressMeter, Throttle, type ProgressReport } from './progress.js'

const SOURCES: Readonly<Record<keyof ListenerTypes, ErrorSource>> = {
  start: 'start listener',
  complete: 'complete listener',
  cancel: 'cancel listener',
  error: 'error listener',
  progress: 'progress listener',
  settled: 'settled listener',
}

/**
 * Registers a listener. It will be called in the current async context.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE`
 */
export function listen<E extends keyof ListenerTypes>(
  operation: Operation,
  event: E,
  listener: ListenerTypes[E],
): void {
  if (typeof listener !== 'function') throw invalidType('listener argument', 'a function', listener)
  const listeners = (extrasOf(operation).listeners ??= new Listeners())
  const list = listeners[event] as ListenerTypes[E][]
  list.push(inThisContext(besideCurrent(operation, listener as (...args: unknown[]) => unknown) as ListenerTypes[E]))
}

/** Calls all listeners of an event, even if some fail. */
export function callListeners<E extends keyof ListenerTypes>(
  operation: Operation,
  event: E,
  ...args: Parameters<ListenerTypes[E]>
): void {
  const extras = operation[kExtras]
  const listeners = extras?.listeners?.[event] as readonly ((...args: Parameters<ListenerTypes[E]>) => unknown)[]
  if (listeners === undefined) return
  // By index and up to the original length: a listener that is registered meanwhile has already been called.
  const { length } = listeners
  for (let i = 0; i < length; i++) callIsolated(SOURCES[event], operation[kName], listeners[i]!, ...args)
}

/** Registers a listener of progress that is called at most once per period, in milliseconds, and at the end. */
export function listenThrottled(operation: Operation, listener: ListenerTypes['progress'], period: number): void {
  if (typeof listener !== 'function') throw invalidType('listener argument', 'a function', listener)
  const throttle = new Throttle((progress) => {
    callIsolated('progress listener', operation[kName], listener, progress)
  }, period)
  listen(operation, 'progress', (progress) => throttle.take(progress))
  listen(operation, 'settled', () => throttle.flush())
}

/**
 * Notifies the operation's own listeners, then its ancestors'.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`
 */
export function reportProgress(operation: Operation, given: string | ProgressReport, data: unknown): void {
  const report = typeof given === 'string' ? undefined : checkReport(given)
  if (report !== undefined && data !== undefined) throw invalidType('data argument', 'undefined beside numbers', data)
  const amount = report === undefined ? undefined : (extrasOf(operation).meter ??= new ProgressMeter()).take(report)
  const message = report === undefined ? (given as string) : messageOfReport(report)
  const progress: Progress = {
    operation: operation[kContext],
    message,
    data: report === undefined ? data : report.data,
    at: now(),
    ...amount,
  }
  extrasOf(operation).progress = progress
  for (let link = operation[kLinks]; link !== null; link = link.sibling) link.progressed(amount?.fraction)
  touch(operation)
  for (let each: Operation | null = operation; each !== null; each = each[kParent]) {
    callListeners(each, 'progress', progress)
  }
}
