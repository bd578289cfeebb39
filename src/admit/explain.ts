/** Describes for people what a reservation waits for. */
import { formatSize } from '../base/units.js'
import type { Owner } from './folder.js'
import { spokenFor, type Entry, type Verdict } from './ledger.js'
import type { Measured } from './meter.js'

const NAMED = 3

/** A claim with its process: `'vitest (pid 812, 2.00GB)'`. */
export function nameClaim(owner: Owner, { claim }: Entry): string {
  return `${claim.name || 'a process'} (pid ${owner.pid}, ${amountOf(claim)})`
}

export function amountOf({ memory, cpu }: { readonly memory: number; readonly cpu: number }): string {
  return [...(memory > 0 ? [formatSize(memory)] : []), ...(cpu > 0 ? [cpus(cpu)] : [])].join(' and ')
}

function cpus(count: number): string {
  return count === 1 ? '1 CPU' : `${count} CPUs`
}

/** Why a claim is not granted: what is free where, and what others hold or wait for. */
export function explain(
  verdict: Exclude<Verdict, { granted: true }>,
  measured: Measured,
  owners: readonly Owner[],
  held: readonly Entry[],
  entries: readonly Entry[],
): string {
  const ownerOf = (entry: Entry): Owner => owners.find(({ id }) => entry.key.startsWith(`${id}:`))!
  const ahead = entries.find(({ key }) => key === verdict.behind)
  if (ahead !== undefined) return `${nameClaim(ownerOf(ahead), ahead)} has waited longer`
  const level = measured.levels.find(({ id }) => id === verdict.lacks)
  const pool = measured.pools.find(({ id }) => id === verdict.lacks)
  if (level === undefined || pool === undefined) return ''
  const { what, capacity, place } = level
  const show = (amount: number): string => (what === 'memory' ? formatSize(amount) : cpus(amount))
  const spoken = spokenFor(held, level.id, what)
  const holders = held.filter(({ claim, levels }) => claim[what] > 0 && levels.has(level.id))
  const named = holders.slice(0, NAMED).map((each) => nameClaim(ownerOf(each), each))
  const more = holders.length > NAMED ? [`${holders.length - NAMED} more`] : []
  const free = what === 'memory' ? `${show(pool.free)} of ${show(capacity)} free` : show(capacity)
  const reserved = `${show(spoken)} reserved${what === 'memory' ? ' and not yet used' : ''}`
  const by = holders.length === 0 ? '' : `; held by ${[...named, ...more].join(', ')}`
  return `${place} has ${free}, ${reserved}${by}`
}
