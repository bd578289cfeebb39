/** Waits until nothing has happened for a time. A sign of life only notes the time, and the timer then waits for the rest. */
import { now } from '../base/clock.js'
import { isForeign, timeOf, Timer } from './timers.js'
import { NO_TERMS, regions, TEST_TIME, type Term } from './watching.js'

/** What takes signs of life. */
export interface Watched {
  /** How long there may be no sign of life, in milliseconds. */
  readonly duration: number
  /** A sign of life. */
  touch(): void
}

export class IdleWatch implements Watched {
  readonly duration: number
  readonly #timer: Timer
  readonly #idle: () => void
  #running = false
  #touched = false
  #last = 0

  /** @param idle called when nothing has happened for `duration`; must not throw */
  constructor(duration: number, idle: () => void) {
    this.duration = duration
    this.#idle = idle
    this.#timer = new Timer(() => this.#due(), false)
  }

  touch(): void {
    this.#touched = true
    this.#last = now()
    if (regions !== null) regions.changed()
  }

  /** When it ends at the latest, unless something happens. */
  get terms(): readonly Term[] {
    if (!this.#running || isForeign(this.#timer)) return NO_TERMS
    return [[{ kind: TEST_TIME, value: this.#last + this.duration }]]
  }

  /** Counts from now; may be called while it runs. */
  start(): void {
    this.touch()
    if (this.#running) return
    this.#running = true
    this.#touched = false
    this.#timer.start(this.duration)
  }

  stop(): void {
    this.#running = false
    this.#timer.stop()
  }

  /** For code that never yields, whose timers cannot fire. */
  poll(): void {
    if (this.#running && timeOf(this.#timer) >= this.#last + this.duration) this.#fire()
  }

  #due(): void {
    const left = this.#touched ? this.#last + this.duration - now() : 0
    this.#touched = false
    if (left > 0) this.#timer.start(left)
    else this.#fire()
  }

  #fire(): void {
    this.stop()
    this.#idle()
  }
}
