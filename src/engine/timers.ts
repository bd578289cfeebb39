/**
 * Timers by the million: one list per duration, in which the order of arrival is the order of expiry, so that adding and
 * removing are a few pointer writes; a heap over the lists; one Node timer for all of them. The Node timer stays armed
 * when no member needs it any more, because the next operation probably will.
 *
 * All this applies to the real clock. On any other clock each member has its own list and its own timer.
 */
import { outsideContexts } from '../base/async-context.js'
import { isClockReal, LONGEST_DELAY, now, realNow } from '../base/clock.js'
import { realTimers } from '../base/real-timers.js'
import { ForeignTimer } from './foreign-timer.js'
import { deliver, spread } from './propagation.js'

// Symbols, for the reason that propagation.ts gives.
export const kTimerList: unique symbol = Symbol('tripline.timerList')
export const kTimerPrevious: unique symbol = Symbol('tripline.timerPrevious')
export const kTimerNext: unique symbol = Symbol('tripline.timerNext')
export const kDueAt: unique symbol = Symbol('tripline.dueAt')
export const kExpire: unique symbol = Symbol('tripline.expire')

/** A member of a timer list. */
export interface Timed {
  [kTimerList]: TimerList | null
  [kTimerPrevious]: Timed | null
  [kTimerNext]: Timed | null
  /** When it is due. Members of one list must be added in the order in which they are due. */
  [kDueAt](): number
  /** It is due and no longer in the list. Must not throw. */
  [kExpire](): void
}

export class TimerList {
  /** Whole milliseconds. */
  readonly duration: number
  head: Timed | null = null
  tail: Timed | null = null
  /** No member is due before this. It is the place in the heap; it may lag behind when members leave. */
  due: number = 0
  /** Whether its members keep the process alive. */
  readonly keepsAlive: boolean
  /** The timer of its one member, under another clock than the real one. */
  foreign: ForeignTimer | null = null

  constructor(duration: number, keepsAlive: boolean) {
    this.duration = duration
    this.keepsAlive = keepsAlive
  }
}

/** By duration. */
const lists = new Map<number, TimerList>()
const listsThatKeepAlive = new Map<number, TimerList>()
/** A binary heap by `due` of the lists that have, or had, members. */
const heap: TimerList[] = []
let latest = new TimerList(-1, false)
const SWEEP_FROM_LISTS = 1000
/** The number of lists from which empty ones are swept. */
let sweepAt = SWEEP_FROM_LISTS

let nodeTimer: NodeJS.Timeout | undefined
let armedFor = Infinity
/** How many members keep the process alive. */
let holds = 0

/**
 * Adds a member that is due in `duration` milliseconds on the clock in force; rounded up to whole milliseconds, which is
 * as fine as Node's timers are. Its due time must come from a reading of `now()` just before, and must not change while it
 * is a member. Later members must not be due more than a millisecond earlier. An existing member stays where it is.
 *
 * @param keepsAlive whether the process stays alive while it is a member
 */
export function addTimer(timed: Timed, duration: number, keepsAlive: boolean = false): void {
  if (timed[kTimerList] !== null) return
  if (isClockReal()) addRealTimer(timed, duration, keepsAlive)
  else addForeignTimer(timed, duration, keepsAlive)
}

function addRealTimer(timed: Timed, duration: number, keepsAlive: boolean): void {
  const list = latest.duration === duration && !keepsAlive ? latest : listOf(Math.ceil(duration), keepsAlive)
  timed[kTimerList] = list
  const { tail } = list
  if (tail === null) {
    list.head = timed
  } else {
    timed[kTimerPrevious] = tail
    tail[kTimerNext] = timed
  }
  list.tail = timed
  if (keepsAlive && ++holds === 1) nodeTimer?.ref()
  // A list in the heap is never placed later than its due time, but may be placed too early.
  if (list.due === 0) enter(list, timed[kDueAt]())
}

function addForeignTimer(timed: Timed, duration: number, keepsAlive: boolean): void {
  const list = new TimerList(duration, false)
  list.head = timed
  list.tail = timed
  timed[kTimerList] = list
  list.foreign = new ForeignTimer(Math.ceil(duration), keepsAlive, () => expireForeign(list))
}

/** Expires the member when its clock calls, whatever time that clock shows. */
function expireForeign(list: TimerList): void {
  const timed = list.head
  if (timed === null) return
  removeTimer(timed)
  timed[kExpire]()
  deliver()
}

/**
 * The time on the clock that a member's timer was armed with; NaN if that clock does not show it. `time` is the real one.
 */
export function timeOf(timed: Timed, time: number = realNow()): number {
  const foreign = timed[kTimerList]?.foreign ?? null
  return foreign === null ? time : foreign.now()
}

/** Whether its timer was armed with another clock than the real one. */
export function isForeign(timed: Timed): boolean {
  return (timed[kTimerList]?.foreign ?? null) !== null
}

function enter(list: TimerList, due: number): void {
  list.due = due
  siftUp(list)
  if (due < armedFor) armNodeTimer(due)
}

/** Takes a member out; nothing happens if it is in no list. */
export function removeTimer(timed: Timed): void {
  const list = timed[kTimerList]
  if (list === null) return
  const prev = timed[kTimerPrevious]
  const next = timed[kTimerNext]
  if (prev === null) list.head = next
  else prev[kTimerNext] = next
  if (next === null) list.tail = prev
  else next[kTimerPrevious] = prev
  timed[kTimerList] = null
  timed[kTimerPrevious] = null
  timed[kTimerNext] = null
  if (list.keepsAlive && --holds === 0) nodeTimer?.unref()
  if (list.head !== null) return
  if (list.foreign !== null) list.foreign.cancel()
  // Empty lists stay, because the next operation will probably need them, but not one for every duration ever used.
  else if (heap.length >= sweepAt) sweep()
}

function listOf(duration: number, keepsAlive: boolean): TimerList {
  const all = keepsAlive ? listsThatKeepAlive : lists
  let list = all.get(duration)
  if (list === undefined) {
    list = new TimerList(duration, keepsAlive)
    all.set(duration, list)
  }
  if (!keepsAlive) latest = list
  return list
}

function armNodeTimer(due: number): void {
  realTimers.clearTimeout(nodeTimer)
  armedFor = due
  const delay = Math.min(Math.max(Math.ceil(due - realNow()), 1), LONGEST_DELAY)
  // Outside of any async context: the timer serves all operations, and would keep the context of one alive for hours.
  nodeTimer = outsideContexts(() => realTimers.setTimeout(expireDue, delay))
  if (holds === 0) nodeTimer.unref()
}

/** Expires all that is due, the earliest first, whatever its list: a parent's time runs out before its child's. */
function expireDue(): void {
  nodeTimer = undefined
  armedFor = Infinity
  try {
    expireUntil(realNow())
    deliver()
  } finally {
    // Also after one of them has thrown, so that the others expire.
    if (heap[0] !== undefined && heap[0].due < armedFor) armNodeTimer(heap[0].due)
  }
}

function expireUntil(time: number): void {
  for (let list = heap[0]; list !== undefined; list = heap[0]) {
    const first = list.head
    if (first === null) {
      dropFirstList()
      continue
    }
    const due = first[kDueAt]()
    if (due > list.due) {
      list.due = due
      siftDown(list)
      continue
    }
    if (due > time) break
    removeTimer(first)
    first[kExpire]()
    spread()
  }
}

/** Drops the lists without members; the next sweep is due at twice the number that is left. */
function sweep(): void {
  let kept = 0
  for (const list of heap.splice(0)) {
    if (list.head === null) {
      forget(list)
      continue
    }
    heap.push(list)
    kept++
  }
  for (let at = (kept >> 1) - 1; at >= 0; at--) siftDown(heap[at]!, at)
  sweepAt = Math.max(SWEEP_FROM_LISTS, 2 * kept)
}

function forget(list: TimerList): void {
  list.due = 0
  if (list.keepsAlive) listsThatKeepAlive.delete(list.duration)
  else lists.delete(list.duration)
  if (latest === list) latest = new TimerList(-1, false)
}

function dropFirstList(): void {
  const list = heap[0]!
  const last = heap.pop()!
  if (last !== list) {
    heap[0] = last
    siftDown(last)
  }
  forget(list)
}

function siftUp(list: TimerList): void {
  let at = heap.length
  while (at > 0) {
    const up = (at - 1) >> 1
    const parent = heap[up]!
    if (parent.due <= list.due) break
    heap[at] = parent
    at = up
  }
  heap[at] = list
}

/** Moves a list, by default the first, down to its place in the heap. */
function siftDown(list: TimerList, from: number = 0): void {
  let at = from
  for (;;) {
    let down = 2 * at + 1
    if (down >= heap.length) break
    if (down + 1 < heap.length && heap[down + 1]!.due < heap[down]!.due) down++
    if (heap[down]!.due >= list.due) break
    heap[at] = heap[down]!
    at = down
  }
  heap[at] = list
}

/** A single timer, for anything other than an operation; implements {@link Timed}. */
export class Timer {
  /** @internal */
  [kTimerList]: TimerList | null = null;
  /** @internal */
  [kTimerPrevious]: Timed | null = null;
  /** @internal */
  [kTimerNext]: Timed | null = null
  #due = 0
  readonly #keepsAlive: boolean
  readonly #isReal: boolean
  readonly #expired: () => void

  /**
   * @param expired called when it is due; must not throw
   * @param keepsAlive whether it keeps the process alive while it waits
   * @param isReal whether it keeps to the real clock, whichever is in force
   */
  constructor(expired: () => void, keepsAlive: boolean, isReal: boolean = false) {
    this.#expired = expired
    this.#keepsAlive = keepsAlive
    this.#isReal = isReal
  }

  /** Starts or restarts it; `duration` is in milliseconds, and `Infinity` never expires. */
  start(duration: number): void {
    this.stop()
    if (duration === Infinity) return
    if (this.#isReal) {
      this.#due = realNow() + duration
      addRealTimer(this, duration, this.#keepsAlive)
    } else {
      this.#due = now() + duration
      addTimer(this, duration, this.#keepsAlive)
    }
  }

  /** Stops it; nothing happens if it is not started. */
  stop(): void {
    removeTimer(this)
  }

  /** When it is due, on the clock that it was started with; meaningful while it is started. @internal */
  [kDueAt](): number {
    return this.#due
  }

  /** @internal */
  [kExpire](): void {
    this.#expired()
  }
}
