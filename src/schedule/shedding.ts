/** Tickers under one guard: the order in which they give way when it is breached, and come back when it is clear. */
import { outsideContexts } from '../base/async-context.js'
import type { Guard } from '../monitor/guard.js'
import { Timer } from '../engine/timers.js'

/** A ticker that gives way. */
export interface Sheddable {
  readonly priority: number
  shed(): void
  /** @param delay the earliest next beat, in milliseconds from now */
  restore(delay: number): void
}

/** The time between two priorities in both directions, in milliseconds; tickers of one priority come back spread over it. */
const STEP_MS = 250

const sheddings = new WeakMap<Guard, Shedding>()

/**
 * At a breach, the lowest priority gives way at once, and each higher one a step later, while the breach lasts. Once
 * the guard is clear, the highest priority comes back first, and each lower one a step later. Tickers of one priority
 * come back at random moments of their step, so that they do not all beat at once.
 */
export class Shedding {
  readonly #guard: Guard
  // The lowest priority first; among equals the latest first: the first to give way and the last to come back.
  readonly #members: Sheddable[] = []
  readonly #shed = new Set<Sheddable>()
  readonly #timer = new Timer(() => this.#step(), false, true)
  #subscriptions: Disposable[] = []

  static of(guard: Guard): Shedding {
    let shedding = sheddings.get(guard)
    if (shedding === undefined) {
      shedding = new Shedding(guard)
      sheddings.set(guard, shedding)
    }
    return shedding
  }

  private constructor(guard: Guard) {
    this.#guard = guard
  }

  /** During a breach it gives way at once. */
  join(member: Sheddable): void {
    if (this.#members.length === 0) this.#subscriptions = outsideContexts(() => this.#subscribe())
    const place = this.#members.findIndex((each) => each.priority >= member.priority)
    this.#members.splice(place === -1 ? this.#members.length : place, 0, member)
    if (!this.#guard.isBreached || this.#guard.dryRun) return
    this.#shedOne(member)
  }

  // A method of its own: closures that were made in `join` would retain the first ticker.
  #subscribe(): Disposable[] {
    const step = (): void => this.#step()
    return [this.#guard.on('breach', step), this.#guard.on('clear', step)]
  }

  leave(member: Sheddable): void {
    const place = this.#members.indexOf(member)
    if (place === -1) return
    this.#members.splice(place, 1)
    this.#shed.delete(member)
    if (this.#members.length > 0) return
    this.#timer.stop()
    for (const each of this.#subscriptions) each[Symbol.dispose]()
  }

  #step(): void {
    this.#timer.stop()
    if (this.#guard.dryRun) return
    const more = this.#guard.isBreached ? this.#shedLowest() : this.#restoreHighest()
    if (more) this.#timer.start(STEP_MS)
  }

  #shedLowest(): boolean {
    const standing = this.#members.filter((each) => !this.#shed.has(each))
    const lowest = standing[0]?.priority
    for (const each of standing) {
      if (each.priority !== lowest) return true
      // The body of a ticker that gave way before may have closed this one.
      if (!this.#members.includes(each)) continue
      this.#shedOne(each)
    }
    return false
  }

  #shedOne(member: Sheddable): void {
    // A guard that is closed during a breach emits no event for its end.
    if (this.#shed.size === 0) this.#guard.whenClear().catch(() => this.#step())
    this.#shed.add(member)
    member.shed()
  }

  #restoreHighest(): boolean {
    const waiting = this.#members.filter((each) => this.#shed.has(each)).toReversed()
    const highest = waiting[0]?.priority
    const level = waiting.filter((each) => each.priority === highest)
    for (const [place, each] of level.entries()) {
      this.#shed.delete(each)
      each.restore(((place + Math.random()) / level.length) * STEP_MS)
    }
    return this.#shed.size > 0
  }
}
