/** Measures what is free, and what the trees of owners use. */
import { readlinkSync } from 'node:fs'
import type { MetricName } from '../addon/metrics.js'
import { Series, firstReading } from '../addon/sampler.js'
import { checkMetric, toSeriesKey } from '../monitor/selectors.js'
import type { Owner } from './folder.js'
import { MACHINE, levelsHere, type Level } from './levels.js'
import type { Entry, Pool } from './ledger.js'

/** The most trees that are measured; of others, what their owners report counts. */
const MAX_TREES = 256

/** What was measured at one moment. */
export interface Measured {
  readonly levels: readonly Level[]
  readonly pools: readonly Pool[]
  /** The memory of each tree, by the process id of its root. */
  readonly trees: ReadonlyMap<number, number>
}

/** Identifies the pid namespace of this process; empty where there are none, or it is not known. */
export const namespaceHere: string = namespace()

function namespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

export class Meter implements Disposable {
  readonly #series = new Map<string, Series>()
  #reading = 0
  #closed = false

  /**
   * @param free whether it measures what is free, too
   * @throws MetricUnavailableError; NativeMissingError
   */
  constructor(free: boolean) {
    if (!free) return
    this.#open('memory.available', 0, true)
    if (process.platform === 'linux') this.#open('memory.host', 0, false)
  }

  /** Reads everything now, with the memory of these trees. @throws MetricUnavailableError if the thread cannot be started */
  async read(roots: ReadonlySet<number>): Promise<Measured> {
    const wanted = new Map([...roots].slice(0, MAX_TREES).map((root) => [nameOf('process.footprint', root), root]))
    for (const [name, series] of this.#series) {
      if (!name.startsWith('process.') || wanted.has(name)) continue
      this.#series.delete(name)
      series.release()
    }
    for (const root of wanted.values()) this.#open('process.footprint', root, false)
    this.#reading++
    try {
      await firstReading([...this.#series.values()])
    } finally {
      this.#reading--
      if (this.#closed) this[Symbol.dispose]()
    }
    const trees = new Map<number, number>()
    for (const [name, root] of wanted) {
      const used = this.#value(name)
      if (used !== undefined) trees.set(root, used)
    }
    const levels = levelsHere()
    const pools = levels.map((level): Pool => {
      const { id, what } = level
      return { id, what, free: this.#free(level, levels) }
    })
    return { levels, pools, trees }
  }

  #free(level: Level, levels: readonly Level[]): number {
    if (level.what === 'cpu') return level.capacity
    // What cannot be measured now counts as not free.
    const available = this.#value('memory.available') ?? 0
    if (level.id === MACHINE) {
      if (levels.every(({ what, folder }) => what === 'cpu' || folder === undefined)) return available
      const share = this.#value('memory.host')
      return share === undefined ? available : level.capacity * (1 - share / 100)
    }
    // The sampler knows more about the group that has least: memory that is protected, or that cannot be written.
    const isLeast = this.#series.get('memory.available')?.describe().origin.startsWith(`${level.folder!}/memory.`)
    return isLeast === true ? Math.min(level.free!, available) : level.free!
  }

  #open(metric: MetricName, root: number, mustExist: boolean): void {
    const name = nameOf(metric, root)
    if (this.#series.has(name)) return
    const selector = root === 0 ? {} : { pid: root, tree: true }
    const series = Series.open(toSeriesKey(checkMetric(metric), selector, undefined, metric), mustExist)
    this.#series.set(name, series)
  }

  #value(name: string): number | undefined {
    const reading = this.#series.get(name)?.read()
    return reading?.state === 'known' ? reading.value : undefined
  }

  [Symbol.dispose](): void {
    this.#closed = true
    // A series that is released while it is awaited would never answer.
    if (this.#reading > 0) return
    for (const series of this.#series.values()) series.release()
    this.#series.clear()
  }
}

function nameOf(metric: MetricName, root: number): string {
  return root === 0 ? metric : `${metric} ${root}`
}

/** The roots of trees with granted claims that this process can measure: those in its own pid namespace; and its own. */
export function rootsOf(owners: readonly Owner[]): Set<number> {
  const granted = owners.filter(isHere).flatMap(({ claims }) => claims.filter((each) => each.granted > 0))
  return new Set([process.pid, ...granted.map(({ root }) => root)])
}

function isHere({ namespace: theirs }: Owner): boolean {
  return theirs === namespaceHere
}

/** The claims of all owners, with the growth of their trees as measured, or else as reported. */
export function toEntries(owners: readonly Owner[], trees: ReadonlyMap<number, number>): Entry[] {
  const users = new Map<string, number>()
  for (const { id, uid, claims } of owners) for (const { number } of claims) users.set(`${id}:${number}`, uid)
  return owners.flatMap((owner) => {
    const { id, uid, levels, claims } = owner
    const names = new Set(levels)
    // Only a claim of the same user can contain this one.
    const within = users.get(owner.within) === uid ? owner.within : ''
    return claims.map((claim): Entry => {
      const tree = `${uid} ${owner.namespace} ${claim.root}`
      const grown = grownOf(owner, claim.root, trees)
      return { key: `${id}:${claim.number}`, claim, levels: names, within, tree, grown }
    })
  })
}

/** By how much a tree has grown since its first claim was granted. */
function grownOf(owner: Owner, root: number, trees: ReadonlyMap<number, number>): number {
  const reported = owner.grown.find(([each]) => each === root)?.[1] ?? 0
  const used = isHere(owner) ? ownUse(owner, root, trees) : undefined
  const first = owner.claims
    .filter((each) => each.root === root && each.granted > 0)
    .toSorted((a, b) => a.granted - b.granted)[0]
  return used === undefined || first === undefined ? reported : Math.max(0, used - first.base)
}

/** The memory of a tree. That of a process does not include the trees of its commands that have claims of their own. */
export function ownUse(
  { pid, claims }: Pick<Owner, 'pid' | 'claims'>,
  root: number,
  trees: ReadonlyMap<number, number>,
): number | undefined {
  const used = trees.get(root)
  if (used === undefined || root !== pid) return used
  const others = new Set(claims.map((each) => each.root).filter((each) => each !== pid))
  return [...others].reduce((rest, each) => rest - (trees.get(each) ?? 0), used)
}

/** The lower of two measurements of everything. What was growing or shrinking in between is then never taken for free. */
export function lower(one: Measured, other: Measured): Measured {
  const trees = new Map<number, number>()
  for (const [root, used] of other.trees) trees.set(root, Math.min(used, one.trees.get(root) ?? 0))
  const pools = other.pools.map(({ id, what, free }): Pool => {
    const before = one.pools.find((each) => each.id === id)
    return { id, what, free: Math.min(free, before?.free ?? free) }
  })
  return { ...other, pools, trees }
}
