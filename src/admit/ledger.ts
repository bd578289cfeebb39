/** The rules: what is spoken for in a pool, and whether a claim may be granted. Pure functions of what was read. */
import type { Claim } from './claims.js'

/** A claim, with what its owner says of itself. */
export interface Entry {
  /** Identifies the claim: its owner's id, a colon, and its number. */
  readonly key: string
  readonly claim: Claim
  /** The levels that it counts in. */
  readonly levels: ReadonlySet<string>
  /** The claim that its owner runs within; empty for none. */
  readonly within: string
  /** Identifies the tree that uses what was reserved. Claims with the same tree share its growth. */
  readonly tree: string
  /** By how much that tree has grown since the grant, in bytes. */
  readonly grown: number
}

/** A level as the rules see it. */
export interface Pool {
  readonly id: string
  readonly what: 'memory' | 'cpu'
  /** Memory: free bytes. CPUs: how many there are, because they are booked and not measured. */
  readonly free: number
}

export type Verdict =
  | { readonly granted: true }
  /** `lacks` is the level that has too little; `behind`, the older claim that must be granted or withdrawn first. */
  | { readonly granted: false; readonly lacks: string; readonly behind: string | undefined }

/** For so long, claims of other lanes may pass one that waits. */
export const PASSED_FOR_MS = 60_000

/** The most older claims that are compared with what is free. With more, a claim waits until one of them is granted. */
const MAX_COMPARED = 128

/**
 * Whether `claim` may be granted now.
 *
 * @param others all other claims
 * @param now on the clock of `Claim.since`
 * @param isIdle whether a waiting claim that fits has been seen not to take its turn
 */
export function judge(
  claim: Entry,
  others: readonly Entry[],
  pools: readonly Pool[],
  now: number,
  isIdle: (entry: Entry) => boolean,
): Verdict {
  const held = others.filter((each) => isGranted(each))
  // Within a granted claim, waiting for others could be waiting for one that waits for that claim.
  if (held.some(({ key }) => key === claim.within)) return fits(claim, held, pools)
  const blocked = new Set<string>()
  const names = new Set(pools.map(({ id }) => id))
  const older = others.filter((each) => !isGranted(each) && isOlder(each, claim)).toSorted(byAge)
  let compared = 0
  for (const each of older) {
    const { lane, lacks, since } = each.claim
    // What it lacks may be a pool of its own, in which this claim takes nothing.
    if (lacks !== '' && !names.has(lacks)) continue
    if (!blocked.has(lane)) {
      if (++compared > MAX_COMPARED) return { granted: false, lacks: lacks || MEMORY, behind: each.key }
      const verdict = fits(each, held, pools)
      if (verdict.granted) {
        // It will be granted as soon as its process polls, so it counts as if it were.
        if (!isIdle(each)) held.push(each)
        continue
      }
      blocked.add(lane)
    }
    const sameLane = lane === claim.claim.lane
    if (!sameLane && now - since < PASSED_FOR_MS) continue
    // Of the same lane the next older one, so that a change wakes one claim and not the whole lane.
    const ahead = sameLane ? older.findLast((other) => other.claim.lane === lane)! : each
    return { granted: false, lacks: lacks || MEMORY, behind: ahead.key }
  }
  return fits(claim, held, pools)
}

const MEMORY = 'memory'

/** Whether each pool has room for the claim beside all that is granted. */
export function fits(claim: Entry, held: readonly Entry[], pools: readonly Pool[]): Verdict {
  const after = [...held.filter(({ key }) => key !== claim.key), claim]
  for (const { id, what, free } of pools) {
    if (claim.claim[what] === 0 || !claim.levels.has(id)) continue
    const spoken = spokenFor(after, id, what)
    // A claim within another may take what that one has not used, however little is free.
    if (spoken > free && spoken > spokenFor(held, id, what)) return { granted: false, lacks: id, behind: undefined }
  }
  return { granted: true }
}

interface Account {
  reserved: number
  grown: number
  readonly within: string
}

/**
 * How much of a pool is reserved and not yet used. What was reserved within another claim comes out of that one, as far as it
 * suffices.
 */
export function spokenFor(held: readonly Entry[], level: string, what: 'memory' | 'cpu'): number {
  const accounts = new Map<string, Account>()
  const accountOf = new Map<string, string>()
  for (const { key, claim, levels, within, tree, grown } of held) {
    if (!levels.has(level)) continue
    accountOf.set(key, tree)
    const account = accounts.get(tree)
    if (account === undefined) {
      accounts.set(tree, { reserved: claim[what], grown, within })
    } else {
      account.reserved += claim[what]
      account.grown = Math.max(account.grown, grown)
    }
  }
  const rest = new Map<string, number>()
  const inner = new Map<string, string[]>()
  for (const [tree, { reserved, grown, within }] of accounts) {
    rest.set(tree, Math.max(0, reserved - (what === 'memory' ? grown : 0)))
    const outer = accountOf.get(within)
    if (outer !== undefined && outer !== tree) inner.set(outer, [...(inner.get(outer) ?? []), tree])
  }
  const counted = new Set<string>()
  const total = (tree: string): number => {
    if (counted.has(tree)) return 0
    counted.add(tree)
    const below = (inner.get(tree) ?? []).reduce((sum, each) => sum + total(each), 0)
    return Math.max(rest.get(tree)!, below)
  }
  const nested = new Set([...inner.values()].flat())
  let sum = 0
  for (const tree of accounts.keys()) if (!nested.has(tree)) sum += total(tree)
  // Claims that a forged file has put into a circle.
  for (const tree of accounts.keys()) sum += total(tree)
  return sum
}

export function isGranted({ claim }: Entry): boolean {
  return claim.granted > 0
}

function isOlder(one: Entry, other: Entry): boolean {
  return byAge(one, other) < 0
}

function byAge(one: Entry, other: Entry): number {
  return one.claim.since - other.claim.since || (one.key < other.key ? -1 : 1)
}
