/**
 * One token in several threads: a word of shared memory that any of them sets, and the reason as JSON. A thread that yields
 * is woken; one that never yields polls the word.
 *
 * A thread may be terminated at any point. Therefore a writer puts its reason into a part of the memory that is its own, and
 * then cancels by a single exchange of the word: until that the token is open for others, and after it the reason is whole.
 */
import { types } from 'node:util'
import { outsideContexts } from '../base/async-context.js'
import { now } from '../base/clock.js'
import { invalidType } from '../base/errors.js'
import type { CancelationReason } from '../base/reason.js'
import { Timer } from '../engine/timers.js'
import { deliver, deliverLater, kMark, type Target } from '../engine/propagation.js'
import { TEST_SHARED, type Test } from '../engine/watching.js'
import { packReason, unpackReason } from './shared-reason.js'

/** A token for other threads: post it there, and make a token of it with `CancelationToken.from`. */
export interface SharedToken {
  /** The memory that the threads share. */
  readonly buffer: SharedArrayBuffer
}

/** The first words: `tripline` and the version of this layout. */
const MARK: readonly number[] = [0x74726970, 0x6c696e65, 2]
/** 0 while the token is open; then the slot of the reason, counted from 1, or more than SLOTS if it has none. */
const STATE = 3
/** How many slots were taken. */
const TAKEN = 4
/** How many writers have started, which wakes threads that wait. */
const STARTED = 5
const WORDS = 16

const SLOTS = 4
/** Bytes: the length of the text, and the text. */
const SLOT = 4096
const SIZE = WORDS * 4 + SLOTS * SLOT

const OPEN = 0
const WITHOUT_REASON = SLOTS + 1

/** Missing in some engines that have the other functions. */
interface AsyncAtomics {
  waitAsync?(
    words: Int32Array,
    index: number,
    value: number,
    timeout?: number,
  ): { async: true; value: Promise<string> } | { async: false; value: string }
}

/** Where threads cannot be woken, they poll this often, in milliseconds. */
const POLL = 10
/** While a writer is at work, or was terminated, the state is read this often, in milliseconds. */
const WATCHFUL = 1000

/** Ends the wait of a token that has been garbage-collected. */
const collected = new FinalizationRegistry<Int32Array>((words) => Atomics.notify(words, STARTED))

/** The access of a token to new shared memory. */
export function sharedFlag(token: Target): SharedFlag {
  return new SharedFlag(token)
}

/** That of a token to the memory that another thread has shared. @throws TypeError `ERR_INVALID_ARG_TYPE` */
export function openShared(token: Target, shared: SharedToken): SharedFlag {
  const buffer: unknown = (shared as Partial<SharedToken> | null | undefined)?.buffer
  if (isToken(buffer)) return new SharedFlag(token, buffer)
  throw invalidType('shared argument', 'what share() returned, of this version of tripline', buffer ?? shared)
}

/** Whether the memory is that of a token. */
function isToken(buffer: unknown): buffer is SharedArrayBuffer {
  if (!types.isSharedArrayBuffer(buffer) || buffer.byteLength !== SIZE) return false
  const words = new Int32Array(buffer, 0, WORDS)
  return MARK.every((each, index) => Atomics.load(words, index) === each)
}

/** A token's access to the shared memory. */
class SharedFlag {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #token: WeakRef<Target>

  constructor(token: Target, buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer(SIZE)
    this.#words = new Int32Array(this.buffer, 0, WORDS)
    if (buffer === undefined) MARK.forEach((each, index) => Atomics.store(this.#words, index, each))
    this.#token = new WeakRef(token)
    collected.register(token, this.#words)
    // The wait may last as long as the process, and must not retain this call's async context.
    void outsideContexts(() => this.#watch())
  }

  /** The reason, if a thread has canceled the token. Never throws, whatever the memory contains. */
  read(): CancelationReason | null {
    const state = Atomics.load(this.#words, STATE)
    if (state === OPEN) return null
    return (
      this.#readSlot(state - 1) ??
      Object.freeze({ kind: 'manual', message: 'Canceled in another thread, without a readable reason', at: now() })
    )
  }

  #readSlot(slot: number): CancelationReason | null {
    if (slot < 0 || slot >= SLOTS) return null
    const { start, length } = this.#slot(slot)
    const size = Atomics.load(length, 0)
    if (size <= 0 || size > SLOT - 4) return null
    // A copy: decoders refuse shared memory.
    return unpackReason(Uint8Array.from(new Uint8Array(this.buffer, start, size)))
  }

  #slot(slot: number): { start: number; length: Int32Array } {
    const offset = WORDS * 4 + slot * SLOT
    return { start: offset + 4, length: new Int32Array(this.buffer, offset, 1) }
  }

  /** Sets it for all threads, unless another one was first. */
  write(reason: CancelationReason): void {
    const words = this.#words
    if (Atomics.load(words, STATE) !== OPEN) return
    const text = packReason(reason, SLOT - 4)
    // A writer that is terminated between the exchange and the last wake-up has woken the others here.
    Atomics.add(words, STARTED, 1)
    Atomics.notify(words, STARTED)
    const slot = Atomics.add(words, TAKEN, 1)
    const whole = slot >= 0 && slot < SLOTS
    if (whole) {
      const { start, length } = this.#slot(slot)
      new Uint8Array(this.buffer, start).set(text)
      Atomics.store(length, 0, text.length)
    }
    Atomics.compareExchange(words, STATE, OPEN, whole ? slot + 1 : WITHOUT_REASON)
    Atomics.notify(words, STATE)
  }

  /** What another thread sets when it cancels the token. */
  get test(): Test {
    return { kind: TEST_SHARED, value: STATE, words: this.#words }
  }

  /** Cancels the token if another thread has canceled it. Runs no user code. */
  poll(token: Target): void {
    const reason = this.read()
    if (reason !== null && token[kMark](reason)) deliverLater()
  }

  /** Keeps neither the process nor the token alive. */
  async #watch(): Promise<void> {
    const words = this.#words
    const held = this.#token
    for (;;) {
      const started = Atomics.load(words, STARTED)
      if (Atomics.load(words, STATE) !== OPEN) break
      // A writer that has finished has set the state.
      await (started === 0 ? changed(words, STARTED, started) : changed(words, STATE, OPEN, WATCHFUL))
      if (held.deref() === undefined) return
    }
    const token = held.deref()
    const reason = this.read()
    if (token !== undefined && reason !== null && token[kMark](reason)) deliver()
  }
}

/** Resolves when the word no longer has this value, or earlier. */
function changed(words: Int32Array, index: number, value: number, timeout?: number): PromiseLike<unknown> | string {
  const atomics = Atomics as unknown as AsyncAtomics
  if (atomics.waitAsync !== undefined) return atomics.waitAsync(words, index, value, timeout).value
  return new Promise<void>((resolve) => {
    new Timer(resolve, false, true).start(POLL)
  })
}

export type { SharedFlag }
