/**
 * A thread that takes profiles and snapshots of the main thread while that is blocked. A guard of its own watches the same
 * series as the main thread's, so it sleeps until there is a breach.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Worker, isMainThread } from 'node:worker_threads'
import { packageRoot } from '../base/package.js'
import { realTimers } from '../base/real-timers.js'
import { loadBuiltin } from '../base/builtin.js'
import type { EvidenceKind, EvidenceSettings } from './options.js'
import type { EvidenceItem } from './take.js'

/** A guard in the form that the addon takes; `limits` is encoded by `native-limits.ts`. */
export interface EncodedGuard {
  readonly all: boolean
  readonly within: number
  readonly interval: number
  readonly minHold: number
  readonly limits: Float64Array
}

/** What the thread gets. */
export interface HelperData {
  readonly settings: EvidenceSettings
  readonly kinds: readonly EvidenceKind[]
  readonly guard: EncodedGuard
}

/** A message of the thread: its evidence of the breach with this number; undefined if it skipped that breach. */
export interface HelperAnswer {
  readonly count: number
  readonly items: readonly EvidenceItem[] | undefined
  /** The breach whose evidence it is still taking, which is an earlier one; 0 for none. */
  readonly taking: number
}

/** After a collection, in milliseconds: breaches are skipped, since a snapshot is itself a blocked event loop. */
export const QUIET = 10_000

// How long the thread may take in addition to the profile. A snapshot of a large heap takes long.
const LONGEST_TAKE = 60_000

const NOTHING: HelperAnswer = { count: 0, items: undefined, taking: 0 }

/** The thread, as the main thread sees it. */
export class Helper {
  readonly kinds: readonly EvidenceKind[]
  readonly #worker: Worker
  readonly #longestTake: number
  #latest: HelperAnswer = NOTHING
  #taken: HelperAnswer = NOTHING
  #ended = false
  #waiting: (() => void) | undefined

  private constructor(file: string, data: HelperData) {
    this.kinds = data.kinds
    this.#longestTake = data.settings.profileFor + LONGEST_TAKE
    // No options of the program: what it preloads has no place here.
    const { TRIPLINE_ADDON: addon } = process.env
    const env = addon === undefined ? {} : { TRIPLINE_ADDON: addon }
    this.#worker = new Worker(file, { workerData: data, execArgv: [], env, name: 'tripline evidence' })
    this.#worker.on('message', (answer: HelperAnswer) => {
      if (answer.items !== undefined) this.#taken = answer
      // Evidence of an earlier breach arrives after the messages about those that were skipped meanwhile.
      const { count } = answer
      this.#latest = count < this.#latest.count ? { ...this.#latest, taking: 0 } : answer
      this.#waiting?.()
    })
    // The main thread then takes what this thread did not.
    const end = (): void => {
      this.#ended = true
      this.#waiting?.()
    }
    this.#worker.on('error', end)
    this.#worker.on('exit', end)
    this.#worker.unref()
  }

  /** Undefined where there can be none: in a worker thread, in a bundle, or in a runtime without such an inspector. */
  static start(settings: EvidenceSettings, kinds: readonly EvidenceKind[], guard: EncodedGuard): Helper | undefined {
    if (!isMainThread) return undefined
    try {
      const { Session } = loadBuiltin('node:inspector')
      if (typeof Session.prototype.connectToMainThread !== 'function') return undefined
      const file = join(packageRoot(), 'dist', 'evidence-thread.cjs')
      return existsSync(file) ? new Helper(file, { settings, kinds, guard }) : undefined
    } catch {
      return undefined
    }
  }

  /** Its evidence of the breach with this number; undefined if it has none and will have none. */
  async itemsOf(count: number): Promise<readonly EvidenceItem[] | undefined> {
    if (!this.#isSettled(count)) {
      await new Promise<void>((resolve) => {
        const timer = realTimers.setTimeout(resolve, this.#longestTake).unref()
        this.#waiting = () => {
          if (!this.#isSettled(count)) return
          realTimers.clearTimeout(timer)
          resolve()
        }
      })
      this.#waiting = undefined
    }
    return this.#taken.count === count ? this.#taken.items : undefined
  }

  /** Whether nothing more will come about this breach. */
  #isSettled(count: number): boolean {
    return this.#ended || (this.#latest.count >= count && this.#latest.taking !== count)
  }

  /** It completes the files that it is writing, and ends. */
  close(): void {
    this.#worker.postMessage('close')
  }
}
