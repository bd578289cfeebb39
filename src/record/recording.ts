/** A recording that is being written. */
import { Buffer } from 'node:buffer'
import { resolve } from 'node:path'
import { threadId } from 'node:worker_threads'
import { connect, observeGuards, toSamplerTime, type Series } from '../addon/sampler.js'
import { realNow } from '../base/clock.js'
import { invalidState, invalidType, outOfRange } from '../base/errors.js'
import { packageVersion } from '../base/package.js'
import type { CancelationReason } from '../base/reason.js'
import { isGuard, kRules } from '../monitor/guard.js'
import { isSlow, placeRecording } from './file.js'
import { MAX, NOTES, NO_NAME, type NoteKind, type RecordedColumn, type RecordedInfo } from './format.js'
import { describeGuard, selectorText } from './guards.js'
import { identityHere } from './identity.js'
import { imageOf } from './image.js'
import { NAMES, OPERATIONS, recordOperations } from './operations.js'
import { nameOfRecording, removeOld, usableFolder } from './places.js'

const GUARDS = 16
const ROW_OPERATIONS = 4
const ENTRIES = 128
/** Cancelations that are noted per second, so that a million of them at once do not take longer than without a recorder. */
const CANCELATIONS = 16

const STATES_RING = 0
const ENTRIES_RING = 1
const LINES_RING = 2

/** What {@link Recording} needs, checked. */
export interface RecordingPlan {
  /** The path; undefined for one of its own in the folder of recordings. */
  readonly file: string | undefined
  readonly interval: number
  readonly rows: number
  readonly series: readonly Series[]
  readonly operations: boolean
  readonly metadata: boolean
  readonly of: 'process' | 'command'
  readonly program: string
  readonly lines: number
}

/** Releases the series if it fails. @throws NotRecordedError */
export function startRecording(plan: RecordingPlan): Recording {
  try {
    return new Recording(plan)
  } catch (error) {
    for (const each of plan.series) each.release()
    throw error
  }
}

function toColumn({ key, info }: Series): RecordedColumn {
  const selector = selectorText(info.scope, key)
  return {
    metric: info.name,
    unit: info.unit,
    window: key.window,
    ...(selector === undefined ? {} : { selector }),
    ...(key.pid === 0 ? {} : { pid: key.pid, tree: key.tree }),
  }
}

/** An earlier listener may have changed the code that listeners are called with, as Node does for an `await` without an end. */
function exitCode(code: number): number {
  const now = Number(process.exitCode ?? code)
  return Number.isInteger(now) ? now : code
}

/** Whether the program has something that is called for errors which nothing caught, so that they need not end it. */
function isCaughtLater(): boolean {
  // Not every runtime has it.
  const some: Partial<NodeJS.Process> = process
  return process.listenerCount('uncaughtException') > 0 || (some.hasUncaughtExceptionCaptureCallback?.() ?? false)
}

/** A recording that is being written; made by {@link record}. */
export class Recording implements Disposable {
  /** The path of the file. */
  readonly file: string
  /** Time between two rows, in milliseconds. */
  readonly interval: number
  readonly #log: number
  readonly #series: readonly Series[]
  readonly #metadata: boolean
  readonly #ends: (() => void)[] = []
  #closed = false
  #cancelations = 0
  #cancelationsSince = -Infinity
  #skipped = 0

  /** @internal Use {@link record}. */
  constructor(plan: RecordingPlan) {
    const { series, metadata, operations, interval } = plan
    const at = realNow()
    const wall = Date.now()
    const info: RecordedInfo = {
      tripline: packageVersion(),
      of: plan.of,
      program: plan.program,
      ...identityHere(),
      at: toSamplerTime(at),
      wall,
      interval,
      columns: series.map(toColumn),
      metadata,
    }
    this.#series = series
    this.#metadata = metadata
    this.interval = interval
    const { layout, bytes } = imageOf(
      {
        columns: series.length,
        rows: plan.rows,
        guards: GUARDS,
        rowOperations: operations ? ROW_OPERATIONS : 0,
        entries: ENTRIES,
        lines: plan.lines,
        operations: operations ? OPERATIONS : 0,
        names: operations ? NAMES : 0,
      },
      info,
    )
    if (layout.fileSize > MAX.fileSize) {
      throw outOfRange('last', `so that the file has at most ${MAX.fileSize} bytes, not ${layout.fileSize}`, plan.rows)
    }
    const folder = plan.file === undefined ? usableFolder() : undefined
    this.file = plan.file ?? resolve(folder!, nameOfRecording(plan.program, wall, process.pid, threadId))
    let log = 0
    try {
      placeRecording(this.file, (early) => {
        const subscriptions = Uint32Array.from(series, (each) => each.subscription)
        const image = Buffer.from(bytes.buffer)
        const made = connect().addFlightLog(early, image, interval, subscriptions, isSlow(this.file))
        if (typeof made === 'string') return made
        log = made
        return undefined
      })
    } catch (error) {
      if (log !== 0) connect().removeFlightLog(log)
      throw error
    }
    this.#log = log
    if (folder !== undefined) removeOld(folder)
    this.#start(plan)
  }

  #start({ of, operations, series, interval }: RecordingPlan): void {
    if (of === 'process') {
      this.state('running', process.pid)
      this.#watchEnd()
    }
    for (const each of series) {
      each.addReader(interval)
      this.#ends.push(() => each.removeReader(interval))
    }
    if (operations) this.#ends.push(recordOperations((...args) => this.#noteCancelation(...args)))
    this.#ends.push(observeGuards((id, guard) => this.#noteGuard(id, guard)))
  }

  /** The process's own end, without any effect on it. */
  #watchEnd(): void {
    const exit = (code: number): void => {
      const isLast = process.rawListeners('exit').at(-1) === exit
      this.state('exit', exitCode(code), '', isLast ? NaN : 1)
    }
    const uncaught = (error: unknown): void =>
      this.state('uncaught', 0, this.#describeError(error), isCaughtLater() ? 1 : NaN)
    const unlistened = (event: string | symbol): void => {
      if (typeof event === 'string' && event.startsWith('SIG')) connect().noteSignals(this.#log)
    }
    process.on('exit', exit)
    process.on('uncaughtExceptionMonitor', uncaught)
    process.on('removeListener', unlistened)
    connect().noteSignals(this.#log)
    this.#ends.push(() => {
      process.off('exit', exit)
      process.off('uncaughtExceptionMonitor', uncaught)
      process.off('removeListener', unlistened)
    })
  }

  #describeError(error: unknown): string {
    try {
      if (!(error instanceof Error)) return typeof error
      const { name, code, message } = error as NodeJS.ErrnoException
      const text = code === undefined ? name : `${name} [${code}]`
      return this.#metadata ? `${text}: ${message}` : text
    } catch {
      // Its getters are the program's.
      return 'an error'
    }
  }

  #noteGuard(id: number, guard: unknown): void {
    if (!isGuard(guard)) this.#note(ENTRIES_RING, 'unguard', id, NaN, NaN, '')
    else if (!guard[kRules].played)
      this.#note(ENTRIES_RING, 'guard', id, NaN, NaN, JSON.stringify(describeGuard(guard)))
  }

  #noteCancelation(number: number, name: number, reason: CancelationReason): void {
    const now = realNow()
    if (now - this.#cancelationsSince >= 1000) {
      this.#cancelationsSince = now
      this.#cancelations = 0
    }
    if (++this.#cancelations > CANCELATIONS) {
      this.#skipped++
      return
    }
    const text = this.#metadata ? `${reason.kind}: ${reason.message}` : reason.kind
    this.#note(ENTRIES_RING, 'cancel', number, name === NO_NAME ? NaN : name, this.#skipped, text)
    this.#skipped = 0
  }

  #note(ring: number, kind: NoteKind, number: number, a: number, b: number, text: string): void {
    if (!this.#closed) connect().noteFlightLog(this.#log, ring, NOTES[kind], number, a, b, text)
  }

  /** @internal How it goes with what is recorded. */
  state(kind: NoteKind, number: number, text: string = '', a: number = NaN, b: number = NaN): void {
    this.#note(STATES_RING, kind, number >>> 0, a, b, text)
  }

  /** @internal A line of stderr. */
  line(text: string): void {
    this.#note(LINES_RING, 'line', 0, NaN, NaN, text)
  }

  /**
   * Adds an entry with a text of the program: a phase, a request, a configuration that was loaded. Longer than 3,296 bytes, it is
   * cut.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`; Error `ERR_INVALID_STATE` once closed
   */
  mark(text: string): void {
    if (typeof text !== 'string') throw invalidType('text argument', 'a string', text)
    if (this.#closed) throw invalidState('The recording was closed')
    this.#note(ENTRIES_RING, 'mark', 0, NaN, NaN, text)
  }

  /** Why the last write to the file failed; empty if none did. The recorder goes on trying. */
  get problem(): string {
    return this.#closed ? '' : connect().flightLogFailure(this.#log)
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed
  }

  /** Ends the recording and marks that this was intended. The file stays. */
  close(): void {
    if (this.#closed) return
    this.state('closed', 0)
    this.end()
  }

  /** @internal Ends the recording without a mark. */
  end(): void {
    if (this.#closed) return
    this.#closed = true
    for (const end of this.#ends.toReversed()) end()
    connect().removeFlightLog(this.#log)
    for (const each of this.#series) each.release()
  }

  /** The same as {@link close}. */
  [Symbol.dispose](): void {
    this.close()
  }
}
