/** The idle time of operations, and the signs of life that reach it. */
import { idleReason, type CancelationReason } from '../base/reason.js'
import { IdleWatch, type Watched } from '../engine/idle-watch.js'
import { Link, WATCH_DEADLINE } from '../engine/link.js'
import { kMark } from '../engine/propagation.js'
import type { Term } from '../engine/watching.js'
import { extrasOf, kExtras, kParent, type Operation } from './operation.js'

/** The idle time of an operation. */
class IdleLink extends Link {
  readonly #watch: IdleWatch

  constructor(duration: number, target: Operation) {
    super(target)
    this.#watch = new IdleWatch(duration, () => target[kMark](idleReason(duration)))
    addIdleWatch(target, this.#watch)
  }

  connect(): CancelationReason | null {
    if (this.#watch.duration === 0) return idleReason(0)
    this.#watch.start()
    return null
  }

  disconnect(): void {
    this.#watch.stop()
  }

  copy(target: Operation): Link {
    return new IdleLink(this.#watch.duration, target)
  }

  override get watch(): number {
    return WATCH_DEADLINE
  }

  override poll(): void {
    this.#watch.poll()
  }

  override terms(): readonly Term[] {
    return this.#watch.terms
  }
}

/** The link of an operation's option `idle`, in milliseconds. */
export function idleLink(duration: number, target: Operation): Link {
  return new IdleLink(duration, target)
}

/** Every sign of life in the operation, or below it, also reaches the watch. */
export function addIdleWatch(operation: Operation, watch: Watched): void {
  const extras = extrasOf(operation)
  extras.idleWatches = [...(extras.idleWatches ?? []), watch]
}

export function removeIdleWatch(operation: Operation, watch: Watched): void {
  const extras = extrasOf(operation)
  extras.idleWatches = extras.idleWatches?.filter((each) => each !== watch)
}

/** A sign of life in the operation, and so in its ancestors. */
export function touch(operation: Operation): void {
  for (let each: Operation | null = operation; each !== null; each = each[kParent]) {
    const watches = each[kExtras]?.idleWatches
    if (watches !== undefined) for (const watch of watches) watch.touch()
  }
}

/** The shortest idle time of the operation and its ancestors, in milliseconds. */
export function shortestIdle(operation: Operation): number {
  let shortest = Infinity
  for (let each: Operation | null = operation; each !== null; each = each[kParent]) {
    const watches = each[kExtras]?.idleWatches
    if (watches !== undefined) for (const { duration } of watches) shortest = Math.min(shortest, duration)
  }
  return shortest
}
