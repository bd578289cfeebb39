/** What an operation's user wants to be told. */
import { now } from '../base/clock.js'
import { callIsolated } from '../base/diagnostics.js'
import { invalidType } from '../base/errors.js'
import { kContext, type Progress } from '../base/operation-context.js'
import { Listeners, type ListenerTypes } from './extras.js'
import { extrasOf, kExtras, kParent, type Operation } from './operation.js'

/** @throws TypeError `ERR_INVALID_ARG_TYPE` */
export function listen<E extends keyof ListenerTypes>(
  operation: Operation,
  event: E,
  listener: ListenerTypes[E],
): void {
  if (typeof listener !== 'function') throw invalidType('listener', 'a function', listener)
  const listeners = (extrasOf(operation).listeners ??= new Listeners())
  const list = listeners[event] as ListenerTypes[E][]
  list.push(listener)
}

/** Calls each of them, whatever the others do. */
export function callAll<A extends unknown[]>(
  listeners: readonly ((...args: A) => unknown)[],
  origin: string,
  ...args: A
): void {
  // By index and to the length as it was: who registers while others are told was told at once.
  const { length } = listeners
  for (let i = 0; i < length; i++) callIsolated(origin, listeners[i]!, ...args)
}

/** Notifies the operation's own listeners, then its ancestors'. */
export function reportProgress(operation: Operation, message: string, data: unknown): void {
  const progress: Progress = { operation: operation[kContext], message, data, at: now() }
  extrasOf(operation).progress = progress
  for (let each: Operation | null = operation; each !== null; each = each[kParent]) {
    const listeners = each[kExtras]?.listeners?.progress
    if (listeners !== undefined) callAll(listeners, 'progress listener', progress)
  }
}
