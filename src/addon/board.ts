/**
 * The shared memory in which the sampler leaves the newest values and the guards' flags. Reading it takes no native call.
 * `native/board.h` says what the words mean.
 */

const EDGE_WORD = 0
const NEWS_WORD = 1
const HEADER_WORDS = 8
const CELL_WORDS = 8
const FIRST_SIZE = 1024

// Not shared until something is sampled: Atomics works on either.
let words: Int32Array = new Int32Array(HEADER_WORDS)
let next = HEADER_WORDS
const freeCells: number[] = []
const freeFlags: number[] = []
let attach: (words: Int32Array) => void = () => undefined

// One buffer for turning pairs of words into doubles; every read is over before the next one starts.
const pair = new Int32Array(2)
const double = new Float64Array(pair.buffer)

/** Makes the memory and hands it, and each larger one that replaces it, to `connect`, which copies the old contents. */
export function openBoard(connect: (words: Int32Array) => void): void {
  attach = connect
  replace(FIRST_SIZE)
}

function replace(size: number): void {
  const larger = new Int32Array(new SharedArrayBuffer(size * 4))
  // Native code copies and switches under its lock, so no write falls between.
  attach(larger)
  words = larger
}

function allocate(count: number): number {
  if (next + count > words.length) replace(words.length * 2)
  const place = next
  next += count
  return place
}

/** A place for a value. */
export function allocateCell(): number {
  return freeCells.pop() ?? allocate(CELL_WORDS)
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

/** States of a cell; 0 while nothing is known yet. */
export const CELL_KNOWN = 1
export const CELL_UNAVAILABLE = 2

/** The newest value of a cell: filled in by {@link readCell}, so that reading allocates nothing. */
export interface Cell {
  state: number
  value: number
  /** Milliseconds on the sampler's clock. */
  at: number
}

/** Reads a cell whole: never half of one value and half of the next. */
export function readCell(place: number, into: Cell): void {
  let sequence: number
  do {
    sequence = Atomics.load(words, place + 6)
    into.value = readDouble(place + 1)
    into.at = readDouble(place + 3)
    into.state = Atomics.load(words, place + 5)
  } while (Atomics.load(words, place) !== sequence)
}

/**
 * Appends a known value and its time to `out`, as the four words that they are: turning them into numbers costs more than
 * reading them, and most of a snapshot is never looked at. False, and nothing appended, where the value is not known.
 */
export function copyCell(place: number, out: number[]): boolean {
  for (;;) {
    const sequence = Atomics.load(words, place + 6)
    const low = Atomics.load(words, place + 1)
    const high = Atomics.load(words, place + 2)
    const atLow = Atomics.load(words, place + 3)
    const atHigh = Atomics.load(words, place + 4)
    const state = Atomics.load(words, place + 5)
    if (Atomics.load(words, place) !== sequence) continue
    if (state !== CELL_KNOWN) return false
    out.push(low, high, atLow, atHigh)
    return true
  }
}

function readDouble(place: number): number {
  return joinWords(Atomics.load(words, place), Atomics.load(words, place + 1))
}

/** The number that two words of the board make. */
export function joinWords(first: number, second: number): number {
  pair[0] = first
  pair[1] = second
  return double[0]!
}
