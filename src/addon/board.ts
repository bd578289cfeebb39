/**
 * The shared memory to which the sampler writes the newest values and the guards' flags. Reading it takes no native call.
 * `native/sampler/board.h` documents the layout.
 */

import { Buffer } from 'node:buffer'
import { watchOrder } from '../base/safe-point.js'

const EDGE_WORD = 0
const NEWS_WORD = 1
const WRITES_WORD = 2
const REGIONS_WORD = 3
const ENDED_WORD = 4
const TERM_WORD = 5
const ORDERED_WORD = 6
const BARRIER_WORD = 16
const HEADER_WORDS = 32
const CELL_WORDS = 10
const FIRST_SLOT = 2
const SLOT_WORDS = 4
const FIRST_SIZE = 1024

let words: Int32Array = new Int32Array(HEADER_WORDS)
let doubles: Float64Array = new Float64Array(words.buffer)
let next = HEADER_WORDS
const freeCells: number[] = []
const freeFlags: number[] = []
const parkedFlags: number[] = []
let attach: (memory: Buffer) => void = () => undefined

/** Allocates the memory. Passes it, and later each larger replacement, to `connect`, which copies the old contents. */
export function openBoard(connect: (memory: Buffer) => void): void {
  attach = connect
  replace(FIRST_SIZE)
}

function replace(size: number): void {
  // Of Node's own realm, also in a vm context of a test runner: native code holds it as long as the process lives.
  const memory = Buffer.alloc(size * 4)
  // Native code copies and switches under its lock, so that no write is lost.
  attach(memory)
  // Removes the reference that an AsyncLocalStorage may have left on it. Since Node 24 there is none.
  for (const key of Object.getOwnPropertySymbols(memory)) Reflect.deleteProperty(memory, key)
  words = new Int32Array(memory.buffer)
  doubles = new Float64Array(memory.buffer)
  watchOrder(words, ORDERED_WORD)
}

function allocate(count: number): number {
  if (next + count > words.length) replace(words.length * 2)
  const place = next
  next += count
  return place
}

/** Allocates a cell for a value, and returns its place. */
export function allocateCell(): number {
  const free = freeCells.pop()
  if (free !== undefined) return free
  // Doubles are aligned to even words.
  if (next % 2 !== 0) freeFlags.push(allocate(1))
  return allocate(CELL_WORDS)
}

export function freeCell(place: number): void {
  freeCells.push(place)
}

/** Allocates the word for a guard's state, and returns its place. */
export function allocateFlag(): number {
  if (parkedFlags.length > 0 && regionDepth() === 0) freeFlags.push(...parkedFlags.splice(0))
  return freeFlags.pop() ?? allocate(1)
}

export function freeFlag(place: number): void {
  Atomics.store(words, place, 0)
  // A region may still watch it, for its previous owner.
  if (regionDepth() === 0) freeFlags.push(place)
  else parkedFlags.push(place)
}

/** How many regions run in this environment, one within the other. */
export function regionDepth(): number {
  return words[REGIONS_WORD]!
}

/** How a region was ended: for its own sake, for that of a region around it, or not even begun. */
export const ENDED = 1
export const ENDED_WITH_OUTER = 2
export const REFUSED = 3

/** Whether the region that has just returned was ended, as one of these; 0 if it was not. */
export function regionEnd(): number {
  return words[ENDED_WORD]!
}

/** The index of the term for which it was ended; -1 if it was ordered. Forgets the end. */
export function takeEndedTerm(): number {
  words[ENDED_WORD] = 0
  return words[TERM_WORD]!
}

/** A counter that changes whenever any guard of this environment breaches, clears or loses a metric; 0 before the first. */
export function edgeCount(): number {
  return Atomics.load(words, EDGE_WORD)
}

/** Whether news of guards, or answers to requests, are waiting to be fetched. */
export function hasNews(): boolean {
  return Atomics.load(words, NEWS_WORD) !== 0
}

/** Reads a guard's word: the state in the low 3 bits, and above them the number of breaches. */
export function readFlag(place: number): number {
  return Atomics.load(words, place)
}

/** The newest value of a cell. {@link readCell} fills it in, so that reading allocates nothing. */
export interface Cell {
  /** NaN if it is unavailable. */
  value: number
  /** When it was read, in milliseconds on the sampler's clock; 0 before the first value. */
  at: number
}

/** Whether the value and the time of a cell stand for a known value. */
export function isKnown(value: number, at: number): boolean {
  return at !== 0 && !Number.isNaN(value)
}

// The slot of the newest value, after this many writes.
function slotOf(place: number, count: number): number {
  return (place + FIRST_SLOT + (count & 1) * SLOT_WORDS) >> 1
}

// Keeps the plain loads before the next atomic load, which alone would not order them.
function barrier(): void {
  Atomics.add(words, BARRIER_WORD, 0)
}

/** Reads a cell consistently: value and time always belong together. */
export function readCell(place: number, into: Cell): void {
  let count: number
  do {
    count = Atomics.load(words, place)
    const slot = slotOf(place, count)
    into.value = doubles[slot]!
    into.at = doubles[slot + 1]!
    barrier()
  } while (Atomics.load(words, place) !== count)
}

/** Reads many cells consistently, at a fraction of the cost per cell: a value and a time for each. */
export function readCells(places: readonly number[]): number[] {
  const numbers: number[] = []
  const writes = Atomics.load(words, WRITES_WORD)
  for (const place of places) {
    const slot = slotOf(place, words[place]!)
    numbers.push(doubles[slot]!, doubles[slot + 1]!)
  }
  barrier()
  // No write happened meanwhile, and none was in progress.
  if (writes % 2 === 0 && Atomics.load(words, WRITES_WORD) === writes) return numbers
  numbers.length = 0
  for (const place of places) {
    readCell(place, scratch)
    numbers.push(scratch.value, scratch.at)
  }
  return numbers
}

const scratch: Cell = { value: NaN, at: 0 }
