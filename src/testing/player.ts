/** Feeds values to a guard while a test fakes a breach of it; the guard then ignores the machine. */
import { now } from '../base/clock.js'
import { kDeliver } from '../addon/sampler.js'
import { Timer } from '../engine/timers.js'
import { kLimits, kPlay, kRules, kStep, type Guard } from '../monitor/guard.js'
import type { ParsedLimit } from '../monitor/limits.js'
import { deliverNewsSoon } from './news.js'

// The value for a limit that must not change its state.
const NOT_READ = Infinity

/** What one fake breach gives a limit; undefined for limits that it does not concern. */
export type FakeValue = (limit: ParsedLimit) => number | undefined

const players = new WeakMap<Guard, Player>()

/** The player of one guard, which all fake breaches of that guard share. */
export class Player {
  readonly #guard: Guard
  readonly #values: Float64Array
  // The timer of a running `for` or `minHold`. It keeps the process alive for a test that waits for nothing else.
  readonly #timer: Timer = new Timer(() => this.#step(this.#next), true)
  // The latest is last. It counts.
  readonly #fakes = new Set<FakeValue>()
  #at = -Infinity
  // When the guard changes its state without a new value.
  #next = Infinity

  private constructor(guard: Guard) {
    this.#guard = guard
    // The addon counts conditions as further limits. They are not played: their checks go on.
    this.#values = new Float64Array(guard[kLimits].length + guard[kRules].conditions.length).fill(NOT_READ)
  }

  /** Adds a fake breach to the player of a guard. At the first, the guard stops watching the machine. */
  static add(guard: Guard, fake: FakeValue): Player {
    let player = players.get(guard)
    if (player === undefined) {
      player = new Player(guard)
      const added = player
      guard[kPlay](true, { closed: () => added.#timer.stop(), stepped: () => added.#step() })
      players.set(guard, player)
    }
    player.#fakes.add(fake)
    player.update()
    return player
  }

  /** Removes a fake breach. An earlier one counts again. After the last, the guard watches the machine again. */
  remove(fake: FakeValue): void {
    this.#fakes.delete(fake)
    this.update()
    if (this.#fakes.size > 0) return
    this.#timer.stop()
    players.delete(this.#guard)
    this.#guard[kPlay](false)
    deliverNewsSoon(() => this.#guard[kDeliver]())
  }

  /** Gives each limit the value of its latest fake breach; without one, a value that was breached recovers. */
  update(): void {
    this.#guard[kLimits].forEach((limit, place) => {
      const given = [...this.#fakes].map((fake) => fake(limit)).findLast((value) => value !== undefined)
      if (given !== undefined) this.#values[place] = given
      else if (this.#values[place] !== NOT_READ) this.#values[place] = limit.exit
    })
    this.#step()
  }

  /** @param earliest the earliest time to assume */
  #step(earliest: number = -Infinity): void {
    if (this.#guard.closed) return
    // The clock in force may have changed since the last step.
    this.#at = Math.max(this.#at, earliest, now())
    this.#next = this.#guard[kStep](this.#at, this.#values)
    // Rounded to microseconds: smaller fractions are rounding errors, which a timer would round up.
    this.#timer.start(Math.round((this.#next - this.#at) * 1e3) / 1e3)
    deliverNewsSoon(() => this.#guard[kDeliver]())
  }
}
