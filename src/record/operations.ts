/**
 * The table of operations under way, in shared memory: operations write to it, and the sampling thread copies it into
 * recordings. One per environment, because an operation is recorded once, however many recordings there are.
 */
import { Buffer } from 'node:buffer'
import { connect, toSamplerTime } from '../addon/sampler.js'
import type { CancelationReason } from '../base/reason.js'
import { recordStarts, type OperationSink } from '../cancelable/recorded.js'
import {
  NAME,
  NAME_SIZE,
  NAME_TEXT,
  NO_NAME,
  OPERATION,
  OPERATIONS_HEAD,
  OPERATIONS_HEAD_SIZE,
  OPERATION_SIZE,
  crc32,
  operationsSize,
} from './format.js'

/** Slots, and names. */
export const OPERATIONS = 128
export const NAMES = 128

const WORD = 4
const DOUBLE = 8
const SLOT_WORDS = OPERATION_SIZE / WORD
const FIRST_WORD = OPERATIONS_HEAD_SIZE / WORD
const RUNNING = 1 << 16
const CANCELED = 2 << 16
/** There was no free slot. */
const NO_SLOT = -1

/** Called with each operation that is canceled: the number of the operation, the index of its name. */
export type CancelObserver = (number: number, name: number, reason: CancelationReason) => void

class OperationTable implements OperationSink {
  readonly #memory = new SharedArrayBuffer(operationsSize({ operations: OPERATIONS, names: NAMES }))
  readonly #words = new Int32Array(this.#memory)
  readonly #doubles = new Float64Array(this.#memory)
  /** A stack of the free slots. */
  readonly #free = Int32Array.from({ length: OPERATIONS }, (_, index) => OPERATIONS - 1 - index)
  #left = OPERATIONS
  #underWay = 0
  #number = 0
  #changes = 0
  readonly #names = new Map<string, number>()
  readonly #observers = new Set<CancelObserver>()
  #end: (() => void) | undefined

  constructor() {
    connect().attachOperations(Buffer.from(this.#memory))
  }

  /** Records operations until the returned function is called. */
  open(canceled: CancelObserver): () => void {
    this.#observers.add(canceled)
    this.#end ??= recordStarts(this)
    return () => {
      this.#observers.delete(canceled)
      if (this.#observers.size > 0) return
      this.#end?.()
      this.#end = undefined
    }
  }

  enter(name: string | undefined, startedAt: number): number {
    const words = this.#words
    words[OPERATIONS_HEAD.underWay / WORD] = ++this.#underWay
    if (this.#left === 0) {
      words[OPERATIONS_HEAD.changes / WORD] = ++this.#changes
      return NO_SLOT
    }
    const slot = this.#free[--this.#left]!
    const place = FIRST_WORD + slot * SLOT_WORDS
    const index = name === undefined ? NO_NAME : (this.#names.get(name) ?? this.#addName(name))
    this.#doubles[(place * WORD + OPERATION.startedAt) / DOUBLE] = toSamplerTime(startedAt)
    this.#doubles[(place * WORD + OPERATION.progress) / DOUBLE] = Number.NaN
    words[place + OPERATION.number / WORD] = ++this.#number
    words[place + OPERATION.generation / WORD]! += 2
    // Last, so that the sampling thread sees all of the others with it.
    Atomics.store(words, place + OPERATION.name / WORD, index | RUNNING)
    words[OPERATIONS_HEAD.changes / WORD] = ++this.#changes
    return slot
  }

  progress(slot: number, fraction: number): void {
    if (slot === NO_SLOT) return
    this.#doubles[((FIRST_WORD + slot * SLOT_WORDS) * WORD + OPERATION.progress) / DOUBLE] = fraction
    this.#words[OPERATIONS_HEAD.changes / WORD] = ++this.#changes
  }

  cancel(slot: number, name: string | undefined, reason: CancelationReason): void {
    const words = this.#words
    let number = 0
    const index = name === undefined ? NO_NAME : (this.#names.get(name) ?? NO_NAME)
    if (slot !== NO_SLOT) {
      const place = FIRST_WORD + slot * SLOT_WORDS
      number = words[place + OPERATION.number / WORD]!
      Atomics.store(words, place + OPERATION.name / WORD, index | CANCELED)
      words[OPERATIONS_HEAD.changes / WORD] = ++this.#changes
    }
    for (const observer of this.#observers) observer(number, index, reason)
  }

  leave(slot: number): void {
    const words = this.#words
    words[OPERATIONS_HEAD.underWay / WORD] = --this.#underWay
    if (slot !== NO_SLOT) {
      const place = FIRST_WORD + slot * SLOT_WORDS
      // An addition is a barrier: what the next operation writes cannot become visible before it.
      Atomics.add(words, place + OPERATION.generation / WORD, 2)
      Atomics.store(words, place + OPERATION.name / WORD, 0)
      this.#free[this.#left++] = slot
    }
    // After the change, so that the sampling thread does not take the state before it for the one after it.
    words[OPERATIONS_HEAD.changes / WORD] = ++this.#changes
  }

  /** The index of a new name; {@link NO_NAME} if there are too many. */
  #addName(name: string): number {
    const index = this.#names.size
    if (index === NAMES) return NO_NAME
    this.#names.set(name, index)
    const start = OPERATIONS_HEAD_SIZE + OPERATIONS * OPERATION_SIZE + index * NAME_SIZE
    const bytes = new Uint8Array(this.#memory, start, NAME_SIZE)
    // Through memory of its own, because TextEncoder does not write to shared memory everywhere.
    const text = new Uint8Array(NAME_TEXT)
    const { written } = new TextEncoder().encodeInto(name, text)
    bytes[NAME.length] = written
    bytes.set(text, NAME.text)
    new DataView(this.#memory).setUint32(start + NAME.checksum, crc32(bytes.subarray(NAME.length)), true)
    Atomics.store(this.#words, OPERATIONS_HEAD.names / WORD, index + 1)
    return index
  }
}

let table: OperationTable | undefined

/** Records the operations that start from now on; returns a function that ends that. @throws NativeMissingError */
export function recordOperations(canceled: CancelObserver): () => void {
  table ??= new OperationTable()
  return table.open(canceled)
}
