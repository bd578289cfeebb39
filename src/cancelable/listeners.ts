/** Registers and calls an operation's listeners. */
import { inThisContext } from '../base/async-context.js'
import { now } from '../base/clock.js'
import { callIsolated, type ErrorSource } from '../base/diagnostics.js'
import { invalidType } from '../base/errors.js'
import { kContext, type Progress } from '../base/operation-context.js'
import { Listeners, type ListenerTypes } from './extras.js'
import { extrasOf, kExtras, kParent, type Operation } from './operation.js'

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
  if (typeof listener !== 'function') throw invalidType('listener', 'a function', listener)
  const listeners = (extrasOf(operation).listeners ??= new Listeners())
  const list = listeners[event] as ListenerTypes[E][]
  list.push(inThisContext(listener))
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
  for (let i = 0; i < length; i++) callIsolated(SOURCES[event], extras?.name, listeners[i]!, ...args)
}

/** Notifies the operation's own listeners, then its ancestors'. */
export function reportProgress(operation: Operation, message: string, data: unknown): void {
  const progress: Progress = { operation: operation[kContext], message, data, at: now() }
  extrasOf(operation).progress = progress
  for (let each: Operation | null = operation; each !== null; each = each[kParent]) {
    callListeners(each, 'progress', progress)
  }
}
