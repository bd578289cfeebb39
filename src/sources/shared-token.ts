/**
 * One token in several threads: a word of shared memory that any of them sets, with the reason behind it as JSON. A thread
 * that yields is woken by it; one that never yields looks at it.
 */
import { invalidType } from '../errors.js'
import type { CancelationReason } from '../reason.js'
import { Timer } from './timers.js'
import type { CancelationToken } from './token.js'
import { deliver, deliverLater } from './wave.js'

/** What a token is in another thread: post it there, and make a token of it with `CancelationToken.from`. */
export interface SharedToken {
  readonly buffer: SharedArrayBuffer
}

const SIZE = 4096
/** The words at the start: the state, and how many bytes the reason has. */
const STATE = 0
const LENGTH = 1
const TEXT = 8

const OPEN = 0
/** Somebody has won, and is still writing why. */
const WRITING = 1
const CANCELED = 2

/** Times are on the clock of a thread's `performance.now()`, which starts with the thread. */
const TIMES = new Set(['at', 'since', 'deadline'])

/** Not everywhere where the rest is. */
interface AsyncAtomics {
  waitAsync?(
    words: Int32Array,
    index: number,
    value: number,
  ): { async: true; value: Promise<string> } | { async: false; value: string }
}

/** Where threads cannot be woken, they look this often. */
const POLL = 10

/** Ends the waiting for tokens that nobody has any more. */
const collected = new FinalizationRegistry<Int32Array>((words) => Atomics.notify(words, STATE))

/** A token's hold on the shared word. */
export class SharedFlag {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #token: WeakRef<CancelationToken>

  /** @throws TypeError `ERR_INVALID_ARG_TYPE` if there is a buffer, and it is none of a token's */
  constructor(token: CancelationToken, buffer?: SharedArrayBuffer) {
    if (buffer !== undefined && (!(buffer instanceof SharedArrayBuffer) || buffer.byteLength !== SIZE)) {
      throw invalidType('shared', 'what share() of a token returned', buffer)
    }
    this.buffer = buffer ?? new SharedArrayBuffer(SIZE)
    this.#words = new Int32Array(this.buffer, 0, 2)
    this.#token = new WeakRef(token)
    collected.register(token, this.#words)
    void this.#watch()
  }

  /** The reason, if some thread has canceled. */
  read(): CancelationReason | null {
    if (Atomics.load(this.#words, STATE) !== CANCELED) return null
    const bytes = new Uint8Array(this.buffer, TEXT, Atomics.load(this.#words, LENGTH))
    // A copy: decoders refuse shared memory.
    return shifted(JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes))), -performance.timeOrigin)
  }

  /** Sets it for all threads, unless another one was first. */
  write(reason: CancelationReason): void {
    if (Atomics.compareExchange(this.#words, STATE, OPEN, WRITING) !== OPEN) return
    let text = encode(reason)
    if (text.length > SIZE - TEXT) {
      text = encode({ kind: 'manual', message: reason.message.slice(0, 500), at: reason.at })
    }
    new Uint8Array(this.buffer, TEXT).set(text)
    Atomics.store(this.#words, LENGTH, text.length)
    Atomics.store(this.#words, STATE, CANCELED)
    Atomics.notify(this.#words, STATE)
  }

  /** Looks, and cancels the token if it is time. Runs nobody's code. */
  look(token: CancelationToken): void {
    const reason = this.read()
    if (reason !== null && token._mark(reason)) deliverLater()
  }

  /** Does not keep the process alive, nor the token. */
  async #watch(): Promise<void> {
    const words = this.#words
    const held = this.#token
    for (;;) {
      const state = Atomics.load(words, STATE)
      if (state === CANCELED) break
      await changed(words, state)
      if (held.deref() === undefined) return
    }
    const token = held.deref()
    const reason = this.read()
    if (token !== undefined && reason !== null && token._mark(reason)) deliver()
  }
}

/** Resolves, at the latest, when the state is not this one any more. */
function changed(words: Int32Array, state: number): PromiseLike<unknown> | string {
  const atomics = Atomics as unknown as AsyncAtomics
  if (atomics.waitAsync !== undefined) return atomics.waitAsync(words, STATE, state).value
  return new Promise<void>((resolve) => {
    new Timer(resolve, false).start(POLL)
  })
}

function encode(reason: CancelationReason): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(shifted(reason, performance.timeOrigin), withoutClasses))
}

/** Errors as what is left of them in JSON. */
function withoutClasses(_key: string, value: unknown): unknown {
  return value instanceof Error ? { name: value.name, message: value.message } : value
}

/** A frozen copy with its times on another clock. */
function shifted<T>(value: T, by: number): T {
  if (typeof value !== 'object' || value === null || value instanceof Error) return value
  if (Array.isArray(value)) return Object.freeze(value.map((each: unknown) => shifted(each, by))) as T
  const copy: Record<string, unknown> = {}
  for (const [key, each] of Object.entries(value)) {
    copy[key] = TIMES.has(key) && typeof each === 'number' ? each + by : shifted(each, by)
  }
  return Object.freeze(copy) as T
}
