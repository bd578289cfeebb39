/**
 * Timers by the million: one list per duration, in which the order of arrival is the order of expiry, so that adding and
 * removing are a few pointer writes; a heap over the lists; one Node timer for all of them. The Node timer is left armed
 * when no member needs it any more: the next operation is probably about to.
 */
import { AsyncResource } from 'node:async_hooks'
import { LONGEST_DELAY, now } from '../base/clock.js'
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

  constructor(duration: number) {
    this.duration = duration
  }
}

const outside = new AsyncResource('tripline')

const lists = new Map<number, TimerList>()
/** A binary heap by `due` of the lists that have, or had, members. */
const heap: TimerList[] = []
let latest = new TimerList(-1)
const SWEEP_FROM = 1000
/** From this many lists on, empty ones are looked for. */
let sweepAt = SWEEP_FROM

let nodeTimer: NodeJS.Timeout | undefined
let armedFor = Infinity
/** How many members want the process to stay alive for them. */
let holds = 0

/**
 * Adds a member that is due in `duration` milliseconds; they are rounded up to whole ones, as finer ones could not be kept.
 * Its due time must not change while it is a member, and later members must not be due more than a millisecond earlier.
 * One that is a member already stays where it is.
 */
export function addTimer(timed: Timed, duration: number): void {
  if (timed[kTimerList] !== null) return
  const list = latest.duration === duration ? latest : listOf(Math.ceil(duration))
  timed[kTimerList] = list
  const { tail } = list
  if (tail === null) {
    list.head = timed
  } else {
    timed[kTimerPrevious] = tail
    tail[kTimerNext] = timed
  }
  list.tail = timed
  // A list that is in the heap already stands there at a time that may be too early, but never too late.
  if (list.due === 0) enter(list, timed[kDueAt]())
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
  // Empty lists stay, as the next operation probably needs them; but not one for every duration that ever was.
  if (list.head === null && heap.length >= sweepAt) sweep()
}

/** Until {@link releaseLoop}, waiting timers keep the process alive. */
export function holdLoop(): void {
  if (++holds === 1) nodeTimer?.ref()
}
/** Takes back one call of {@link holdLoop}. */
export function releaseLoop(): void {
  if (--holds === 0) nodeTimer?.unref()
}

function listOf(duration: number): TimerList {
  let list = lists.get(duration)
  if (list === undefined) {
    list = new TimerList(duration)
    lists.set(duration, list)
  }
  latest = list
  return list
}

function armNodeTimer(due: number): void {
  clearTimeout(nodeTimer)
  armedFor = due
  const delay = Math.min(Math.max(Math.ceil(due - now()), 1), LONGEST_DELAY)
  // Outside of any async context: the timer serves all operations, and would keep the context of one alive for hours.
  nodeTimer = outside.runInAsyncScope(() => setTimeout(expireDue, delay))
  if (holds === 0) nodeTimer.unref()
}

/** Expires all that is due, the earliest first, whatever its list: a parent's time runs out before its child's. */
function expireDue(): void {
  nodeTimer = undefined
  armedFor = Infinity
  try {
    expireUntil(now())
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
  sweepAt = Math.max(SWEEP_FROM, 2 * kept)
}

function forget(list: TimerList): void {
  list.due = 0
  lists.delete(list.duration)
  if (latest === list) latest = new TimerList(-1)
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

/** A timer of its own, for anything but an operation. It is a {@link Timed}. */
export class Timer {
  /** @internal */
  [kTimerList]: TimerList | null = null;
  /** @internal */
  [kTimerPrevious]: Timed | null = null;
  /** @internal */
  [kTimerNext]: Timed | null = null
  #due = 0
  readonly #keepsAlive: boolean
  readonly #expired: () => void

  /**
   * @param expired called when it is due; must not throw
   * @param keepsAlive whether it keeps the process alive while it waits
   */
  constructor(expired: () => void, keepsAlive: boolean) {
    this.#expired = expired
    this.#keepsAlive = keepsAlive
  }

  /** Starts or restarts it; `duration` is in milliseconds, and `Infinity` never expires. */
  start(duration: number): void {
    this.stop()
    if (duration === Infinity) return
    this.#due = now() + duration
    addTimer(this, duration)
    if (this.#keepsAlive) holdLoop()
  }

  /** Stops it; nothing happens if it is not started. */
  stop(): void {
    if (this[kTimerList] === null) return
    removeTimer(this)
    if (this.#keepsAlive) releaseLoop()
  }

  /** When it is due, on the clock of `performance.now()`; meaningful while it is started. @internal */
  [kDueAt](): number {
    return this.#due
  }

  /** @internal */
  [kExpire](): void {
    if (this.#keepsAlive) releaseLoop()
    this.#expired()
  }
}
