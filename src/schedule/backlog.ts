/** The policies for beats that could not be delivered when they were due. Pure. */

/**
 * How beats are treated that could not be delivered when they were due.
 *
 * - `coalesce`: the latest one is delivered at once, and its `missed` counts the others
 * - `skip`: none of them is delivered; the body continues with the next beat of the grid
 * - `burst`: each is delivered, one right after the other, up to `maxBurst`
 * - `delay`: as `coalesce`, and the following beats count from this delivery
 */
export type MissedPolicy = 'coalesce' | 'skip' | 'burst' | 'delay'

export const POLICIES: readonly MissedPolicy[] = ['coalesce', 'skip', 'burst', 'delay']

/** A beat to deliver. {@link Backlog.take} fills it in, so that beats allocate nothing. */
export interface Beat {
  index: number
  /** On the clock of the caller of {@link Backlog.add}. */
  due: number
  /** How many beats were not delivered since the last delivery. */
  missed: number
}

export class Backlog {
  readonly #policy: MissedPolicy
  readonly #bound: number
  // The beats that wait, and the latest of them.
  #waiting = 0
  #index = -1
  #due = 0
  #missed = 0
  #skipped = false

  /** @param bound the most beats of a burst */
  constructor(policy: MissedPolicy, bound: number) {
    this.#policy = policy
    this.#bound = policy === 'burst' ? bound : 1
  }

  /** How many missed beats no delivery has reported yet. */
  get uncounted(): number {
    return this.#missed
  }

  /**
   * @param beats how many have passed; `index` and `due` are of the last of them
   * @param busy whether none of them can be delivered now
   */
  add(beats: number, index: number, due: number, busy: boolean): void {
    this.#index = index
    this.#due = due
    if (this.#policy === 'skip') this.#skip(beats, busy)
    else this.#waiting += beats
    if (this.#waiting <= this.#bound) return
    this.#missed += this.#waiting - this.#bound
    this.#waiting = this.#bound
  }

  #skip(beats: number, busy: boolean): void {
    // Never skip twice in a row without running the body: a loop that is always late would starve it.
    if (busy || (beats > 1 && !this.#skipped)) {
      this.#skipped = !busy
      this.#missed += beats
      return
    }
    this.#skipped = false
    this.#missed += beats - 1
    this.#waiting = 1
  }

  /** Takes the next beat to deliver. Returns false if there is none. */
  take(period: number, into: Beat): boolean {
    if (this.#waiting === 0) return false
    const behind = --this.#waiting
    into.index = this.#index - behind
    into.due = this.#due - behind * period
    into.missed = this.#missed
    this.#missed = 0
    return true
  }

  /** Drops the beats that wait, which then count as missed. */
  drop(): void {
    this.#missed += this.#waiting
    this.#waiting = 0
  }
}
