/** What an operation's user wants to be told. */
import { callIsolated } from '../base/diagnostics.js'
import { invalidType } from '../base/errors.js'
import type { OperationContext, Progress } from '../base/operation-context.js'
import type { CancelationReason } from '../base/reason.js'
import type { Cancelable } from './cancelable.js'

export interface ListenerTypes {
  start: (operation: OperationContext) => unknown
  complete: (value: unknown, operation: OperationContext) => unknown
  cancel: (reason: CancelationReason, operation: OperationContext) => unknown
  error: (error: unknown, operation: OperationContext) => unknown
  progress: (progress: Progress) => unknown
}

/** In the order of registration; each isolated from the others. */
export class Listeners {
  readonly start: ListenerTypes['start'][] = []
  readonly complete: ListenerTypes['complete'][] = []
  readonly cancel: ListenerTypes['cancel'][] = []
  readonly error: ListenerTypes['error'][] = []
  readonly progress: ListenerTypes['progress'][] = []
}

/** @throws TypeError `ERR_INVALID_ARG_TYPE` */
export function listen<E extends keyof ListenerTypes>(
  operation: Cancelable,
  event: E,
  listener: ListenerTypes[E],
): Cancelable {
  if (typeof listener !== 'function') throw invalidType('listener', 'a function', listener)
  const listeners = (operation._more().listeners ??= new Listeners())
  const list = listeners[event] as ListenerTypes[E][]
  list.push(listener)
  return operation
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

/** Tells the operation's own listeners, then its ancestors'. */
export function tellProgress(operation: Cancelable, progress: Progress): void {
  operation._more().progress = progress
  for (let each: Cancelable | null = operation; each !== null; each = each._parent) {
    const listeners = each._extras?.listeners?.progress
    if (listeners !== undefined) callAll(listeners, 'progress listener', progress)
  }
}
