/** All reservations of a folder, for people and programs that want to see what is held. */
import { readFileSync } from 'node:fs'
import { keepAlive, unref } from '../base/alive.js'
import { Folder, type Owner } from './folder.js'
import { isGranted, type Entry } from './ledger.js'
import { Meter, rootsOf, toEntries } from './meter.js'

/** One reservation, waiting or held. */
export interface ReservationInfo {
  /** The process id of its owner, in the owner's pid namespace. */
  readonly pid: number
  /** The user that its file belongs to: a name, or a number without one; empty on Windows. */
  readonly user: string
  readonly name: string
  readonly lane: string
  /** Bytes. */
  readonly memory: number
  readonly cpu: number
  readonly state: 'held' | 'waiting'
  /** Since when it is held, or waits. */
  readonly since: Date
  /** By how much the owner's tree has grown since the grant, in bytes, all its reservations together. */
  readonly used: number
}

/** Lists the reservations by age. Creates no folder. @throws NotReservedError; NativeMissingError */
export async function listReservations(): Promise<{ folder: string; reservations: readonly ReservationInfo[] }> {
  const folder = new Folder(false)
  const { owners } = folder.list()
  using meter = new Meter(false)
  let trees: ReadonlyMap<number, number> = new Map()
  if (owners.length > 0) {
    keepAlive()
    trees = (await meter.read(rootsOf(owners)).finally(unref)).trees
  }
  const reservations = toEntries(owners, trees)
    .toSorted((a, b) => a.claim.since - b.claim.since)
    .map((entry) => toInfo(entry, owners))
  return { folder: folder.path, reservations }
}

function toInfo(entry: Entry, owners: readonly Owner[]): ReservationInfo {
  const { pid, uid } = owners.find(({ id }) => entry.key.startsWith(`${id}:`))!
  const { name, lane, memory, cpu, granted, at } = entry.claim
  const held = isGranted(entry)
  // A time from another process may be beyond what a date can be.
  const since = new Date(Math.min(held ? granted : at, 8.64e15))
  const state = held ? 'held' : 'waiting'
  return { pid, user: userName(uid), name, lane, memory, cpu, state, since, used: held ? entry.grown : 0 }
}

function userName(uid: number): string {
  if (uid < 0) return ''
  try {
    const found = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .find(([, , number]) => number === String(uid))
    return found?.[0] ?? String(uid)
  } catch {
    return String(uid)
  }
}
