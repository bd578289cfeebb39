/**
 * The reservations of this environment, and their way from waiting to granted. There is no daemon and no common lock: a
 * process publishes its claim, reads those of all others, and grants itself what the rules allow. It then reads again, so
 * that of two processes that do so at the same time at least one sees the other and steps back.
 */
import { watch, type FSWatcher } from 'node:fs'
import { connect } from '../addon/sampler.js'
import { AliveHold } from '../base/alive.js'
import { inThisContext, outsideContexts } from '../base/async-context.js'
import { LONGEST_DELAY, realNow } from '../base/clock.js'
import { realTimers } from '../base/real-timers.js'
import type { Claim } from './claims.js'
import { explain } from './explain.js'
import { Folder, type Owner } from './folder.js'
import { fits, isGranted, judge, type Entry, type Verdict } from './ledger.js'
import { levelsHere } from './levels.js'
import { Meter, lower, ownUse, rootsOf, toEntries, type Measured } from './meter.js'
import { OwnFiles } from './owner.js'
import type { ReserveSettings } from './request.js'

// Memory becomes free, and owners are killed, without any notification, so the folder is polled: often for the first claim of
// a lane, rarely for the others.
const FIRST_POLL_MS = 250
const OTHERS_POLL_MS = 3000
// Changes that follow each other within this time are handled by one poll.
const SETTLE_MS = 30
// A claim that fits and does not take its turn for so long belongs to a process that is blocked or stopped.
const IDLE_MS = 3000
// How often the files are renewed and the growth of trees is measured.
const UPKEEP_MS = 1000
// The shortest pause after a conflict with another process; it is random, so that they do not meet again.
const CONFLICT_MS = 20
// Growth is published in steps of this size, so that waiting processes are not woken by each page.
const GROWTH_STEP_BYTES = 2 ** 24

/** A granted claim. */
export interface Granted {
  readonly key: string
  follow(root: number): void
  release(): void
}

/** A claim that waits. */
export class Waiting {
  readonly settings: ReserveSettings
  /** Why the last poll did not grant it. */
  why = ''
  /** Its number among the claims of this environment; 0 until it is published. */
  number = 0
  /** The owner of the older claim that it waits for. */
  behind: string | undefined
  readonly #resolve: (granted: Granted) => void
  readonly #reject: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #tries = Infinity
  #settled = false
  #onTimeout: () => unknown = () => undefined

  constructor(settings: ReserveSettings, resolve: (granted: Granted) => void, reject: (error: unknown) => void) {
    this.settings = settings
    this.#resolve = inThisContext(resolve)
    this.#reject = inThisContext(reject)
  }

  /** Fails after `wait` milliseconds with the error that `makeError` returns; after one poll if that is 0. */
  limit(wait: number, makeError: () => unknown): void {
    this.#onTimeout = () => this.fail(makeError())
    if (wait === 0) this.#tries = 1
    else if (wait <= LONGEST_DELAY) this.#timer = realTimers.setTimeout(this.#onTimeout, wait)
  }

  /** Called after each poll that has not granted it. */
  refused(): void {
    if (--this.#tries <= 0) this.#onTimeout()
  }

  succeed(granted: Granted): void {
    realTimers.clearTimeout(this.#timer)
    this.#settled = true
    this.#resolve(granted)
  }

  /** Does nothing if it was granted already. */
  fail(error: unknown): void {
    if (this.#settled) return
    this.#settled = true
    realTimers.clearTimeout(this.#timer)
    queue.remove(this)
    this.#reject(error)
  }
}

/** What one read of the folder has found. */
interface View {
  readonly owners: readonly Owner[]
  readonly entries: readonly Entry[]
  readonly verdicts: readonly (readonly [Waiting, Verdict])[]
}

class Queue {
  readonly #waiting: Waiting[] = []
  readonly #alive = new AliveHold()
  readonly #fitting = new Map<string, number>()
  #files: OwnFiles | undefined
  #meter: Meter | undefined
  #upkeepMeter: Meter | undefined
  #upkeep: NodeJS.Timeout | undefined
  #watcher: FSWatcher | undefined
  #next: NodeJS.Timeout | undefined
  #nextAt = Infinity
  #polling = false
  #again = false

  /** Publishes the claim and starts to poll. If that fails, so does the claim. */
  add(waiting: Waiting): void {
    // For all reservations of this environment, so outside of any async context.
    outsideContexts(() => {
      try {
        this.#publishNew(waiting)
        this.#pollIn(0)
      } catch (error) {
        waiting.fail(error)
      }
    })
  }

  #publishNew(waiting: Waiting): void {
    this.#meter ??= new Meter(true)
    const files = (this.#files ??= new OwnFiles(new Folder()))
    const { memory, cpu, lane, name } = waiting.settings
    const number = files.nextNumber()
    const claim: Claim = {
      number,
      memory,
      cpu,
      lane,
      name,
      since: connect().now(),
      at: Date.now(),
      granted: 0,
      root: process.pid,
      base: 0,
      lacks: '',
    }
    waiting.number = number
    this.#waiting.push(waiting)
    this.#alive.hold()
    files.set(claim)
    files.describe(levelsHere().map(({ id }) => id))
    files.publish()
    this.#watch(files.folder)
  }

  /** Removes a claim that has not been granted. */
  remove(waiting: Waiting): void {
    const index = this.#waiting.indexOf(waiting)
    if (index !== -1) this.#waiting.splice(index, 1)
    this.#withdraw(waiting.number)
  }

  #withdraw(number: number): void {
    const files = this.#files
    files?.delete(number)
    if (this.#waiting.length === 0) this.#stopPolling()
    if (files === undefined) return
    if (files.claims.length > 0) {
      this.#pollIn(0)
      return this.#tryPublish(files)
    }
    this.#files = undefined
    realTimers.clearInterval(this.#upkeep)
    this.#upkeep = undefined
    this.#upkeepMeter?.[Symbol.dispose]()
    this.#upkeepMeter = undefined
    files[Symbol.dispose]()
  }

  /** A withdrawal that cannot be written is repeated by the upkeep, or by the next poll. */
  #tryPublish(files: OwnFiles): void {
    try {
      files.publish()
    } catch {
      // For example a full disk.
    }
  }

  #stopPolling(): void {
    this.#alive.release()
    realTimers.clearTimeout(this.#next)
    this.#nextAt = Infinity
    this.#watcher?.close()
    this.#watcher = undefined
    this.#fitting.clear()
    this.#meter?.[Symbol.dispose]()
    this.#meter = undefined
  }

  #watch(folder: Folder): void {
    if (this.#watcher !== undefined) return
    try {
      this.#watcher = watch(folder.path, { persistent: false }, (_, name) => {
        const id = typeof name === 'string' ? folder.ownerOf(name) : undefined
        if (id === undefined || id === this.#files?.id) return
        if (this.#waiting.some(({ behind }) => behind === undefined || behind === id)) this.#pollIn(SETTLE_MS)
      })
      this.#watcher.on('error', () => this.#watcher?.close())
    } catch {
      // There may be no resources for a watcher; polling is enough without one.
    }
  }

  #pollIn(delay: number): void {
    const at = realNow() + delay
    if (at >= this.#nextAt || this.#waiting.length === 0) return
    realTimers.clearTimeout(this.#next)
    this.#nextAt = at
    this.#next = realTimers.setTimeout(() => void this.#poll(), delay)
  }

  async #poll(): Promise<void> {
    this.#nextAt = Infinity
    if (this.#polling) {
      this.#again = true
      return
    }
    this.#polling = true
    this.#again = false
    let pause = FIRST_POLL_MS
    try {
      pause = await this.#round()
    } catch (error) {
      for (const waiting of this.#waiting.slice()) waiting.fail(error)
    } finally {
      this.#polling = false
    }
    this.#pollIn(this.#again ? Math.min(pause, SETTLE_MS) : pause)
  }

  /** Polls once. Returns the time until the next poll, in milliseconds. */
  async #round(): Promise<number> {
    const files = this.#files
    const meter = this.#meter
    if (files === undefined || meter === undefined) return 0
    files.publish()
    let measured = await meter.read(rootsOf(files.folder.list().owners))
    let view = this.#judgeAll(files, measured)
    if (view.verdicts.some(([, { granted }]) => granted)) {
      measured = lower(measured, await meter.read(rootsOf(view.owners)))
      view = this.#judgeAll(files, measured)
    }
    // All reservations may have been withdrawn meanwhile.
    if (this.#files !== files) return 0
    for (;;) {
      const [next] = view.verdicts.find(([, { granted }]) => granted) ?? []
      if (next === undefined) break
      if (!this.#grant(files, next, measured)) return CONFLICT_MS * (1 + 4 * Math.random())
      view = this.#judgeAll(files, measured)
    }
    this.#refuse(files, measured, view)
    const first = this.#waiting.some(({ behind }) => behind === undefined)
    return first ? FIRST_POLL_MS : OTHERS_POLL_MS * (0.75 + Math.random() / 2)
  }

  /** Judges all claims that wait here. In a folder with too many files or claims, none has a verdict. */
  #judgeAll(files: OwnFiles, measured: Measured): View {
    const { owners, crowded } = files.folder.list()
    const entries = toEntries(owners, measured.trees)
    const now = connect().now()
    const seen = new Set<string>()
    const isIdle = ({ key }: Entry): boolean => {
      seen.add(key)
      if (!this.#fitting.has(key)) this.#fitting.set(key, now)
      return now - this.#fitting.get(key)! > IDLE_MS
    }
    const verdicts = (crowded ? [] : this.#waiting).flatMap((waiting): [Waiting, Verdict][] => {
      const key = keyOf(files, waiting.number)
      const mine = entries.find((each) => each.key === key)
      if (mine === undefined) return []
      const others = entries.filter((each) => each !== mine)
      return [[waiting, judge(mine, others, measured.pools, now, isIdle)]]
    })
    for (const key of this.#fitting.keys()) if (!seen.has(key)) this.#fitting.delete(key)
    return { owners, entries, verdicts }
  }

  /** Publishes the claim as granted, and withdraws that if another process has done the same at the same time. */
  #grant(files: OwnFiles, waiting: Waiting, measured: Measured): boolean {
    const claim = files.get(waiting.number)!
    const base = ownUse({ pid: process.pid, claims: files.claims }, process.pid, measured.trees) ?? 0
    files.set({ ...claim, granted: Date.now(), base, lacks: '' })
    files.describe(measured.levels.map(({ id }) => id))
    files.publish()
    const entries = toEntries(files.folder.list().owners, measured.trees)
    const key = keyOf(files, waiting.number)
    const mine = entries.find((each) => each.key === key)
    const held = entries.filter((each) => each.key !== key && isGranted(each))
    if (mine === undefined || !fits(mine, held, measured.pools).granted) {
      files.set(claim)
      files.publish()
      return false
    }
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
    if (this.#waiting.length === 0) this.#stopPolling()
    this.#keepUp()
    const { number } = waiting
    waiting.succeed({
      // If a cleaner of temporary files has removed the files, the claim has a new key.
      get key() {
        return keyOf(files, number)
      },
      follow: (root) => this.#follow(number, root),
      release: () => this.#withdraw(number),
    })
    return true
  }

  /** Notes for each claim that still waits what it waits for. */
  #refuse(files: OwnFiles, measured: Measured, { owners, entries, verdicts }: View): void {
    const held = entries.filter(isGranted)
    for (const waiting of this.#waiting.slice()) {
      const [, verdict] = verdicts.find(([each]) => each === waiting) ?? []
      const claim = files.get(waiting.number)
      if (claim === undefined || verdict?.granted === true) continue
      if (verdict === undefined) {
        waiting.why = `${files.folder.path} contains too many files or claims`
      } else {
        waiting.behind = verdict.behind?.split(':', 1)[0]
        waiting.why = explain(verdict, measured, owners, held, entries)
        files.set({ ...claim, lacks: verdict.lacks })
      }
      waiting.refused()
    }
    if (this.#files === files) files.publish()
  }

  #follow(number: number, root: number): void {
    const claim = this.#files?.get(number)
    if (claim === undefined) return
    this.#files!.set({ ...claim, root, base: 0 })
    this.#tryPublish(this.#files!)
  }

  #keepUp(): void {
    this.#upkeepMeter ??= new Meter(false)
    this.#upkeep ??= realTimers.setInterval(() => void this.#update(), UPKEEP_MS).unref()
  }

  /** Publishes the growth of this environment's trees, for processes that cannot measure them. */
  async #update(): Promise<void> {
    const files = this.#files
    const meter = this.#upkeepMeter
    if (files === undefined || meter === undefined) return
    try {
      const { trees } = await meter.read(new Set(files.claims.map(({ root }) => root)))
      if (this.#files !== files) return
      const grown = new Map<number, number>()
      for (const claim of files.claims.filter((each) => each.granted > 0)) {
        const used = ownUse({ pid: process.pid, claims: files.claims }, claim.root, trees)
        if (used === undefined) continue
        // Memory that was given back is free for others; growing again uses the reservation.
        if (used < claim.base) files.set({ ...claim, base: used })
        const step = Math.floor(Math.max(0, used - claim.base) / GROWTH_STEP_BYTES) * GROWTH_STEP_BYTES
        if (!grown.has(claim.root)) grown.set(claim.root, step)
      }
      files.describe(
        levelsHere().map(({ id }) => id),
        [...grown],
      )
      files.publish()
    } catch {
      // The next one may succeed; until then, the last growth counts.
    }
  }
}

function keyOf({ id }: OwnFiles, number: number): string {
  return `${id}:${number}`
}

export const queue: Queue = new Queue()
