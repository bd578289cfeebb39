/** Whether this runtime's V8 can be reached by the addon: its functions have no promised names, and other engines lack them. */
import { join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { loadBuiltin } from '../base/builtin.js'
import { realNow } from '../base/clock.js'
import { loadedCopies } from '../base/loaded-copies.js'
import { ownCodeFolder } from '../base/package.js'
import { realTimers } from '../base/real-timers.js'
import { loadAddon } from './native.js'

/** Loops long enough to be interrupted; short enough that an interrupt that never comes does no harm. */
export function engineProbe(): number {
  let sum = 0
  for (let i = 0; i < 1e6; i++) sum += i
  return sum
}

let problem: string | undefined

/**
 * Why interrupts, stacks and the heap's limit cannot be used in this runtime; empty if they can. Tried once per thread.
 *
 * @throws NativeMissingError
 */
export function engineProblem(): string {
  if (problem !== undefined) return problem
  const addon = loadAddon()
  const folder = ownCodeFolder()
  if (folder === undefined) return (problem = 'the code of tripline is part of a bundle, where it cannot be recognized')
  const answer = addon.testEngine(engineProbe, join(folder, sep), pathToFileURL(join(folder, sep)).href)
  return (problem = answer === true ? '' : answer)
}

let copiesSeen = 0
let foreignCopy: string | undefined

/**
 * The file of another copy of the library in this thread, in another folder; undefined if there is none. Cheap while none is added.
 */
export function otherCopy(): string | undefined {
  if (loadedCopies.size === copiesSeen) return foreignCopy
  copiesSeen = loadedCopies.size
  const folder = ownCodeFolder()
  const own = folder === undefined ? undefined : join(folder, sep)
  foreignCopy = [...loadedCopies].find((file) => own === undefined || !file.startsWith(own))
  return foreignCopy
}

let heapWatchers = 0
/** V8's limit of the heap in bytes, without the room that it is given once the heap is full. */
let usualLimit = 0
let isRoomInUse = false

/** One that was under way already keeps what was let go in the middle of it. */
const COLLECTIONS = 2
/** Before garbage is collected again, in milliseconds. */
const SHORTEST_WAIT = 100
/** And as a multiple of the time that the last collection took: code that lets nothing go must not spend its time with that. */
const WAIT_PER_COLLECTION = 10

/** Whether V8's warning that its heap is almost full is about this metric. */
export function isOfHeap(metric: string): boolean {
  return metric === 'heap' || metric === 'heap.used'
}

/** Starts the watch for V8's warning, for one limit on the heap; {@link releaseHeapWatch} ends it. */
export function holdHeapWatch(): void {
  if (engineProblem() !== '') return
  if (heapWatchers++ === 0) usualLimit = readHeap().limit
  loadAddon().watchHeap(true, false)
}

/** Ends the watch of one limit; that of the last one stops the watch for V8's warning. */
export function releaseHeapWatch(): void {
  if (engineProblem() !== '' || --heapWatchers > 0) return
  const given = loadAddon().watchHeap(true, false)
  // V8 goes back no further than to what the heap has, garbage included.
  loadAddon().watchHeap(false, given || isRoomInUse)
  isRoomInUse = false
}

function readHeap(): { used: number; limit: number } {
  // Loaded late: it loads all of node:stream, which takes milliseconds.
  const { used_heap_size: used, heap_size_limit: limit } = loadBuiltin('node:v8').getHeapStatistics()
  return { used, limit }
}

/**
 * The used heap and V8's limit of it, in bytes; the usual limit while V8 has room beyond it. Called when the loop turns. The
 * warning reaches the limits again, if that has ended because the room was used up.
 */
export function heapFigures(): { used: number; limit: number } {
  const given = heapWatchers > 0 && loadAddon().watchHeap(true, false)
  if (given && !isRoomInUse) {
    isRoomInUse = true
    takeRoomBack(SHORTEST_WAIT)
  }
  const { used, limit } = readHeap()
  if (!isRoomInUse) usualLimit = limit
  return { used, limit: usualLimit }
}

/** V8 goes back to its limit after a garbage collection, which a program that waits may not have for a long time. */
function takeRoomBack(wait: number): void {
  const start = realNow()
  for (let i = 0; i < COLLECTIONS && isRoomInUse; i++) {
    loadAddon().watchHeap(true, true)
    isRoomInUse = readHeap().limit > usualLimit
  }
  if (!isRoomInUse) return
  const pause = Math.max(wait, WAIT_PER_COLLECTION * (realNow() - start))
  realTimers
    .setTimeout(() => {
      if (isRoomInUse) takeRoomBack(2 * pause)
    }, pause)
    .unref()
}
