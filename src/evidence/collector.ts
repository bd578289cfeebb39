/** Collects the evidence of one guard: once per breach, and never two at a time. */
import { existsSync } from 'node:fs'
import { outsideContexts } from '../base/async-context.js'
import { realNow } from '../base/clock.js'
import { reportError } from '../base/diagnostics.js'
import type { Breach } from '../base/reason.js'
import { Helper, QUIET, type EncodedGuard } from './helper.js'
import type { EvidenceKind, EvidenceSettings } from './options.js'
import { takeEvidence, type EvidenceItem } from './take.js'

/** What was written about a breach. */
export interface Evidence {
  /** The breach. */
  readonly breach: Breach
  /** What came of each kind that was asked for. */
  readonly items: readonly EvidenceItem[]
}

/** Kinds that say more if they are taken while the event loop is blocked. */
const WHILE_BLOCKED: readonly EvidenceKind[] = ['profile', 'snapshot']

/** A guard's collection of evidence. */
export class Collector {
  readonly #settings: EvidenceSettings
  readonly #name: string
  readonly #done: (evidence: Evidence) => void
  readonly #helper: Helper | undefined
  #latest: Evidence | undefined
  #busy = false
  #closed = false
  #quietUntil = 0

  /**
   * @param name of the guard
   * @param forHelper the guard as the helper thread watches it; undefined if that would not see breaches better
   * @param done is called with the evidence of each breach
   */
  constructor(
    settings: EvidenceSettings,
    name: string,
    forHelper: EncodedGuard | undefined,
    done: (evidence: Evidence) => void,
  ) {
    this.#settings = settings
    this.#name = name
    this.#done = done
    const kinds = settings.kinds.filter((each) => WHILE_BLOCKED.includes(each))
    if (forHelper !== undefined && kinds.length > 0) this.#helper = Helper.start(settings, kinds, forHelper)
  }

  /**
   * A breach was delivered. One during a collection, or soon after it, gets no evidence.
   *
   * @param count its number; 0 if it is a test's, of which the helper knows nothing
   */
  breached(breach: Breach, count: number): void {
    if (this.#busy || realNow() < this.#quietUntil) return
    this.#busy = true
    outsideContexts(() => void this.#collect(breach, count))
  }

  async #collect(breach: Breach, count: number): Promise<void> {
    const { kinds } = this.#settings
    const there = this.#helper?.kinds ?? []
    const here = kinds.filter((each) => !there.includes(each))
    const taken = await takeEvidence(here, this.#settings, false, breach)
    if (this.#helper !== undefined) {
      const others = count === 0 ? undefined : await this.#helper.itemsOf(count)
      // The guard was closed: nothing waits for it, and a snapshot would stop the program.
      if (this.#closed) return
      // It was not there in time, or has ended: better late than never.
      taken.push(...(others ?? (await takeEvidence(there, this.#settings, false, breach))))
    }
    const items = taken.map(stillThere)
    this.#busy = false
    this.#quietUntil = realNow() + QUIET
    for (const each of items) {
      if ('error' in each) reportError(each.error, 'evidence', this.#name)
    }
    // After the end of its guard, no listener is called.
    if (this.#closed) return
    this.#latest = { breach, items: kinds.flatMap((kind) => items.filter((each) => each.kind === kind)) }
    this.#done(this.#latest)
  }

  /** What was written of the latest breach whose evidence is complete; undefined before. */
  get latest(): Evidence | undefined {
    return this.#latest
  }

  close(): void {
    this.#closed = true
    this.#helper?.close()
  }
}

/** A later file may have taken the place of an earlier one, of this process or of another. */
function stillThere(item: EvidenceItem): EvidenceItem {
  if ('error' in item || existsSync(item.file)) return item
  return { kind: item.kind, error: new Error(`${item.file} was removed again: maxFiles or maxSize is too small`) }
}

/** For the guard, which loads this file only when evidence is asked for. */
export function startCollector(...given: ConstructorParameters<typeof Collector>): Collector {
  return new Collector(...given)
}
