/** Plays a guard: as long as a test fakes a breach of it, it takes values from here and none from the machine. */
import { now } from '../base/clock.js'
import { kDeliver } from '../addon/sampler.js'
import { Timer } from '../engine/timers.js'
import { kLimits, kPlay, kStep, type Guard } from '../monitor/guard.js'
import type { ParsedLimit } from '../monitor/limits.js'
import { deliverNewsSoon } from './news.js'

// What a limit takes that is not to be stepped: it stays as it is.
const NOT_READ = Infinity

const players = new WeakMap<Guard, Player>()

/** The player of one guard, shared by all that fake something of it. */
export class Player {
  readonly #guard: Guard
  readonly #values: Float64Array
  // A `for` or `minHold` that runs. It keeps the process alive, for a test that waits for nothing else.
  readonly #timer: Timer = new Timer(() => this.#step(this.#next), true)
  #users = 0
  #at = -Infinity
  // When it changes by itself.
  #next = Infinity

  private constructor(guard: Guard) {
    this.#guard = guard
    this.#values = new Float64Array(guard[kLimits].length).fill(NOT_READ)
  }

  /** The player of a guard, used once more; the first use takes the guard off the machine. */
  static use(guard: Guard): Player {
    let player = players.get(guard)
    if (player === undefined) {
      player = new Player(guard)
      const timer = player.#timer
      guard[kPlay](true, () => timer.stop())
      players.set(guard, player)
    }
    player.#users++
    return player
  }

  /** Gives up one use; the last gives the guard back to the machine. */
  release(): void {
    if (--this.#users > 0) return
    this.#timer.stop()
    players.delete(this.#guard)
    this.#guard[kPlay](false)
    deliverNewsSoon(() => this.#guard[kDeliver]())
  }

  /** Has the limits that `selects` chooses take a value each from now on. */
  set(selects: (limit: ParsedLimit) => boolean, value: (limit: ParsedLimit) => number): void {
    this.#guard[kLimits].forEach((limit, place) => {
      if (selects(limit)) this.#values[place] = value(limit)
    })
    this.#step()
  }

  /** @param earliest the time that it is at least */
  #step(earliest: number = -Infinity): void {
    if (this.#guard.closed) return
    // The clock in force may have changed since the last step.
    this.#at = Math.max(this.#at, earliest, now())
    this.#next = this.#guard[kStep](this.#at, this.#values)
    // To microseconds: what the difference has beyond that is an error of its subtraction, which a timer would round up.
    this.#timer.start(Math.round((this.#next - this.#at) * 1e3) / 1e3)
    deliverNewsSoon(() => this.#guard[kDeliver]())
  }
}
