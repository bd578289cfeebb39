/**
 * How a cancelation spreads: first everything that it reaches is marked, and nobody's code runs; then everyone is told, in
 * the order of marking, parents before children. Neither phase recurses, so no chain is too deep.
 *
 * One list serves both phases. It is threaded through its members, so that canceling a million of them allocates nothing.
 */
import { reportError } from '../base/diagnostics.js'

/** Something that a cancelation can reach. */
export interface Target<R = import('../base/reason.js').CancelationReason> {
  /** The next one in the list. @internal */
  _next: Target | null
  /** Takes the reason, lets go of all sources and joins the list; false if it was canceled before. @internal */
  _mark(reason: R): boolean
  /** Marks whatever depends on it. @internal */
  _spread(): void
  /** Tells its listeners. Must not throw. @internal */
  _notify(): void
}

let head: Target | null = null
let tail: Target | null = null
/** The first member whose dependents are not marked yet. */
let unspread: Target | null = null
let notifying = false
let scheduled = false

/** A target that has just been marked joins the list. */
export function join(target: Target): void {
  if (tail === null) head = target
  else tail._next = target
  tail = target
  unspread ??= target
}

/** Ends the first phase: marks the dependents of all that joined, and theirs. */
export function spread(): void {
  while (unspread !== null) {
    const target = unspread
    target._spread()
    unspread = target._next
  }
}

/** Both phases. Inside a listener only the first: the running loop gets to the rest. */
export function deliver(): void {
  spread()
  if (notifying) return
  notifying = true
  try {
    while (head !== null) {
      const target = head
      head = target._next
      if (head === null) tail = null
      target._next = null
      try {
        target._notify()
      } catch (error) {
        reportError(error, 'telling of a cancelation')
      }
    }
  } finally {
    notifying = false
  }
}

/** The first phase now, the second in its own turn: for whoever only looked and must not run anybody's code. */
export function deliverLater(): void {
  spread()
  if (scheduled || head === null) return
  scheduled = true
  queueMicrotask(() => {
    scheduled = false
    deliver()
  })
}
