/**
 * The shared memory in which the sampler leaves the newest values and the guards' flags. Reading it takes no native call.
 * `native/sampler/board.h` says what the words mean.
 */

import { Buffer } from 'node:buffer'

const EDGE_WORD = 0
const NEWS_WORD = 1
const WRITES_WORD = 2
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
let attach: (memory: Buffer) => void = () => undefined

/** Makes the memory and hands it, and each larger one that replaces it, to `connect`, which copies the old contents. */
export function openBoard(connect: (memory: Buffer) => void): void {
  attach = connect
  replace(FIRST_SIZE)
}

function replace(size: number): void {
  // Of Node's own realm, also in a vm context of a test runner: native code holds it as long as the process lives.
  const memory = Buffer.alloc(size * 4)
  // Native code copies and switches under its lock, so no write falls between.
  attach(memory)
  // What an AsyncLocalStorage has left on it was of the moment only. Since Node 24 there is nothing.
  for (const key of Object.getOwnPropertySymbols(memory)) Reflect.deleteProperty(memory, key)
  words = new Int32Array(memory.buffer)
  doubles = new Float64Array(memory.buffer)
}

function allocate(count: number): number {
  if (next + count > words.length) replace(words.length * 2)
  const place = next
  next += count
  return place
}

/** A place for a value. */
export function allocateCell(): number {
  const free = freeCells.pop()
  if (free !== undefined) return free
  // Doubles lie at even words.
  if (next % 2 !== 0) freeFlags.push(allocate(1))
  return allocate(CELL_WORDS)
}

export function freeCell(place: number): void {
  freeCells.push(place)
}

/** A place for a guard's state. */
export function allocateFlag(): number {
  return freeFlags.pop() ?? allocate(1)
}

export function freeFlag(place: number): void {
  Atomics.store(words, place, 0)
  freeFlags.push(place)
}

/** Changes with every breach, clear or loss of any guard of this environment; 0 while nothing was ever sampled. */
export function edgeCount(): number {
  return Atomics.load(words, EDGE_WORD)
}

/** Whether news of guards, or answers, wait to be fetched. */
export function hasNews(): boolean {
  return Atomics.load(words, NEWS_WORD) !== 0
}

/** A guard's word: its state in the low 3 bits, above them how often it has breached. */
export function readFlag(place: number): number {
  return Atomics.load(words, place)
}

/** The newest value of a cell: filled in by {@link readCell}, so that reading allocates nothing. */
export interface Cell {
  /** NaN where it is unavailable. */
  value: number
  /** Milliseconds on the sampler's clock; 0 while there was no value yet. */
  at: number
}

/** Whether a cell's value and time are of a value that is known. */
export function isKnown(value: number, at: number): boolean {
  return at !== 0 && !Number.isNaN(value)
}

// Of the value that this many writes have left behind.
function slotOf(place: number, count: number): number {
  return (place + FIRST_SLOT + (count & 1) * SLOT_WORDS) >> 1
}

// Keeps plain loads ahead of the atomic one that comes next: an atomic load alone does not.
function barrier(): void {
  Atomics.add(words, BARRIER_WORD, 0)
}

/** Reads a cell whole: never half of one value and half of the next. */
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

/** The same of many cells, at a fraction of the cost for each: a value and a time of every one. */
export function readCells(places: readonly number[]): number[] {
  const numbers: number[] = []
  const writes = Atomics.load(words, WRITES_WORD)
  for (const place of places) {
    const slot = slotOf(place, words[place]!)
    numbers.push(doubles[slot]!, doubles[slot + 1]!)
  }
  barrier()
  // Nothing was written meanwhile, nor was a write under way.
  if (writes % 2 === 0 && Atomics.load(words, WRITES_WORD) === writes) return numbers
  numbers.length = 0
  for (const place of places) {
    readCell(place, scratch)
    numbers.push(scratch.value, scratch.at)
  }
  return numbers
}

const scratch: Cell = { value: NaN, at: 0 }
