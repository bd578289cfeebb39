/**
 * How a cancelation spreads: first every target that it reaches is marked, and no user code runs; then all are notified, in
 * the order of marking, parents before children. Neither phase recurses, so no chain is too deep.
 *
 * One list serves both phases. It is threaded through its members, so that canceling a million of them allocates nothing.
 */
import { reportError } from '../base/diagnostics.js'
import type { CancelationReason } from '../base/reason.js'
import { regions } from './watching.js'

// Symbols, named as in Node's internals, so that nothing that a user's subclass declares can collide with them.
export const kNext: unique symbol = Symbol('tripline.next')
export const kMark: unique symbol = Symbol('tripline.mark')
export const kSpread: unique symbol = Symbol('tripline.spread')
export const kNotify: unique symbol = Symbol('tripline.notify')

/** Anything that a cancelation can reach. */
export interface Target {
  /** The next member of the list. */
  [kNext]: Target | null
  /** Takes the reason, detaches from all sources and joins the list; false if it was canceled before. */
  [kMark](reason: CancelationReason): boolean
  /** Marks whatever depends on it. */
  [kSpread](): void
  /** Calls its listeners. Must not throw. */
  [kNotify](): void
}

let head: Target | null = null
let tail: Target | null = null
/** The first member of the list with dependents that are not marked yet. */
let unspread: Target | null = null
let notifying = false
let scheduled = false

/** A target that has just been marked joins the list. */
export function join(target: Target): void {
  if (tail === null) head = target
  else tail[kNext] = target
  tail = target
  unspread ??= target
}

/** Whether it is still to be notified as a member of the list, which needs its `kNext` until then. */
export function isJoined(target: Target): boolean {
  return target[kNext] !== null || target === tail
}

/** Ends the first phase: marks the dependents of all that joined, and theirs. */
export function spread(): void {
  while (unspread !== null) {
    const target = unspread
    target[kSpread]()
    unspread = target[kNext]
  }
  if (regions !== null) regions.marked()
}

/** Both phases. Inside a listener only the first: the running loop gets to the rest. */
export function deliver(): void {
  spread()
  if (notifying) return
  notifying = true
  try {
    while (head !== null) {
      const target = head
      head = target[kNext]
      if (head === null) tail = null
      target[kNext] = null
      try {
        target[kNotify]()
      } catch (error) {
        reportError(error, 'cancelation')
      }
    }
  } finally {
    notifying = false
  }
}

/** The first phase now, the second in its own turn: for callers that only poll and must not run user code. */
export function deliverLater(): void {
  spread()
  if (scheduled || head === null) return
  scheduled = true
  // Not queueMicrotask: Jest's fake timers replace that too.
  void Promise.resolve().then(deliverNow)
}

function deliverNow(): void {
  scheduled = false
  deliver()
}
