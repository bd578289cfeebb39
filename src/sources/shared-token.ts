/**
 * One token in several threads: a word of shared memory that any of them sets, followed by the reason as JSON. A thread
 * that yields is woken; one that never yields polls the word.
 */
import { outsideContexts } from '../base/async-context.js'
import { invalidType } from '../base/errors.js'
import type { CancelationReason } from '../base/reason.js'
import { Timer } from '../engine/timers.js'
import { deliver, deliverLater, kMark, type Target } from '../engine/propagation.js'

/** A token for other threads: post it there, and make a token of it with `CancelationToken.from`. */
export interface SharedToken {
  /** The memory that the threads share. */
  readonly buffer: SharedArrayBuffer
}

const SIZE = 4096
/** The words at the start: the state, and how many bytes the reason has. */
const STATE = 0
const LENGTH = 1
const TEXT = 8
/** Characters of a message that always fit. */
const MESSAGE = 500

const OPEN = 0
/** One thread was first, and is still writing the reason. */
const WRITING = 1
const CANCELED = 2

/** Missing in some engines that have the other functions. */
interface AsyncAtomics {
  waitAsync?(
    words: Int32Array,
    index: number,
    value: number,
  ): { async: true; value: Promise<string> } | { async: false; value: string }
}

/** Where threads cannot be woken, they poll this often, in milliseconds. */
const POLL = 10

/** Ends the wait of a token that has been garbage-collected. */
const collected = new FinalizationRegistry<Int32Array>((words) => Atomics.notify(words, STATE))

/** @throws TypeError `ERR_INVALID_ARG_TYPE` for a buffer that is not that of a token */
export function sharedFlag(token: Target, buffer?: SharedArrayBuffer): SharedFlag {
  return new SharedFlag(token, buffer)
}

/** A token's access to the shared memory. */
class SharedFlag {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #token: WeakRef<Target>

  constructor(token: Target, buffer?: SharedArrayBuffer) {
    if (buffer !== undefined && (!(buffer instanceof SharedArrayBuffer) || buffer.byteLength !== SIZE)) {
      throw invalidType('shared', 'what share() of a token returned', buffer)
    }
    this.buffer = buffer ?? new SharedArrayBuffer(SIZE)
    this.#words = new Int32Array(this.buffer, 0, 2)
    this.#token = new WeakRef(token)
    collected.register(token, this.#words)
    // The wait may last as long as the process, and must not retain this call's async context.
    void outsideContexts(() => this.#watch())
  }

  /** The reason, if a thread has canceled the token. */
  read(): CancelationReason | null {
    if (Atomics.load(this.#words, STATE) !== CANCELED) return null
    const bytes = new Uint8Array(this.buffer, TEXT, Atomics.load(this.#words, LENGTH))
    // A copy: decoders refuse shared memory.
    const reason = JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes))) as CancelationReason
    return shifted(reason, -performance.timeOrigin)
  }

  /** Sets it for all threads, unless another one was first. */
  write(reason: CancelationReason): void {
    if (Atomics.load(this.#words, STATE) !== OPEN) return
    // Done before the word is taken, because the other threads wait while one is writing.
    const text = encoded(reason)
    if (Atomics.compareExchange(this.#words, STATE, OPEN, WRITING) !== OPEN) return
    new Uint8Array(this.buffer, TEXT).set(text)
    Atomics.store(this.#words, LENGTH, text.length)
    Atomics.store(this.#words, STATE, CANCELED)
    Atomics.notify(this.#words, STATE)
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
      const state = Atomics.load(words, STATE)
      if (state === CANCELED) break
      await changed(words, state)
      if (held.deref() === undefined) return
    }
    const token = held.deref()
    const reason = this.read()
    if (token !== undefined && reason !== null && token[kMark](reason)) deliver()
  }
}

/** Resolves when the state is no longer this one, or earlier. */
function changed(words: Int32Array, state: number): PromiseLike<unknown> | string {
  const atomics = Atomics as unknown as AsyncAtomics
  if (atomics.waitAsync !== undefined) return atomics.waitAsync(words, STATE, state).value
  return new Promise<void>((resolve) => {
    new Timer(resolve, false, true).start(POLL)
  })
}

/** The reason as text, with as much of its evidence as fits and can be converted to JSON. Never throws. */
function encoded(reason: CancelationReason): Uint8Array {
  for (const each of [() => reason, () => withoutEvidence(reason)]) {
    try {
      const text = encode(each())
      if (text.length <= SIZE - TEXT) return text
    } catch {
      // A circular reference, a BigInt, a getter that throws, or a chain that is too deep.
    }
  }
  return encode({ kind: 'manual', message: reason.message.slice(0, MESSAGE), at: reason.at })
}

function encode(reason: CancelationReason): Uint8Array {
  let values = 0
  const withoutClasses = (_key: string, value: unknown): unknown => {
    // More than could ever fit: a cause may refer to infinitely many values.
    if (++values > SIZE) throw new RangeError('Too much for a shared token')
    return value instanceof Error ? { name: value.name, message: value.message } : value
  }
  return new TextEncoder().encode(JSON.stringify(shifted(reason, performance.timeOrigin), withoutClasses))
}

/** A reason of the same kind, with the same message. */
function withoutEvidence(reason: CancelationReason): CancelationReason {
  const short = { ...reason, message: reason.message.slice(0, MESSAGE) }
  switch (short.kind) {
    case 'abort':
    case 'error':
      return { ...short, cause: short.message }
    case 'all':
      return { ...short, causes: [] }
    case 'resource':
      return { ...short, breach: { ...short.breach, recent: [] } }
    case 'parent': {
      const { parent: _, ...rest } = short
      return rest
    }
    case 'timeout':
    case 'manual':
    case 'signal':
    case 'condition':
      return short
  }
}

/**
 * A frozen copy with its times on another clock: a thread's `performance.now()` starts with the thread. The content of
 * a cause is the user's, and is not converted.
 */
function shifted(reason: CancelationReason, by: number): CancelationReason {
  const chain: CancelationReason[] = []
  for (let each: CancelationReason | undefined = reason; each !== undefined;) {
    chain.push(each)
    each = each.kind === 'parent' ? each.parent : undefined
  }
  let copy = shiftedOne(chain.pop()!, by)
  for (let each = chain.pop(); each !== undefined; each = chain.pop()) {
    copy = Object.freeze({ ...shiftedOne(each, by), parent: copy } as CancelationReason)
  }
  return copy
}

function shiftedOne(reason: CancelationReason, by: number): CancelationReason {
  const at = reason.at + by
  switch (reason.kind) {
    case 'timeout':
      return Object.freeze({ ...reason, at, deadline: reason.deadline + by })
    case 'resource': {
      const { breach } = reason
      const recent = Object.freeze([...breach.recent])
      return Object.freeze({
        ...reason,
        at,
        breach: Object.freeze({ ...breach, at: breach.at + by, since: breach.since + by, recent }),
      })
    }
    case 'all':
      return Object.freeze({ ...reason, at, causes: Object.freeze(reason.causes.map((each) => shifted(each, by))) })
    case 'manual':
    case 'signal':
    case 'condition':
    case 'abort':
    case 'parent':
    case 'error':
      return Object.freeze({ ...reason, at })
  }
}

export type { SharedFlag }
