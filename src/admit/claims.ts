/** The content of an owner's file: its claims. Other processes write such files too, so nothing in one is trusted. */
import { isLane, type Wanted } from './request.js'

/** One reservation, waiting or granted. */
export interface Claim extends Wanted {
  /** Distinguishes the claims of one owner. */
  readonly number: number
  /** When it was made: milliseconds on the sampler's clock, which all processes of a machine share. */
  readonly since: number
  /** The same on the wall clock, in milliseconds since 1970. */
  readonly at: number
  /** When it was granted, in milliseconds since 1970; 0 while it waits. */
  readonly granted: number
  /** The process whose tree uses what was reserved. */
  readonly root: number
  /** The memory of that tree at the time of the grant, or later if it was less, in bytes. */
  readonly base: number
  /** While it waits: the level that has too little, empty if that is not known. */
  readonly lacks: string
}

/** What one process, or one of its worker threads, claims. */
export interface OwnerContent {
  readonly pid: number
  /** Identifies the pid namespace; empty where there are none. */
  readonly namespace: string
  /** The claim that this process runs within: its id, a colon, and its number. Empty for none. */
  readonly within: string
  /** The levels that its claims count in. */
  readonly levels: readonly string[]
  /** By how much the tree of each root has grown since the grant, as measured by the owner: pairs of root and bytes. */
  readonly grown: readonly (readonly [root: number, bytes: number])[]
  readonly claims: readonly Claim[]
}

export const LARGEST_FILE: number = 64 * 1024
/** The most claims that one owner may have. */
export const MAX_CLAIMS = 128
const VERSION = 1

export function encode(content: OwnerContent): string {
  return JSON.stringify({ version: VERSION, ...content })
}

/** Returns undefined for content that is not valid. */
export function decode(text: string): OwnerContent | undefined {
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch {
    return undefined
  }
  const fields = asRecord(raw)
  if (fields?.['version'] !== VERSION) return undefined
  const pid = wholeIn(fields['pid'])
  const namespace = textIn(fields['namespace'], 64)
  const within = textIn(fields['within'], 64)
  const levels = listIn(fields['levels'], 64, (each) => textIn(each, 128))
  const grown = listIn(fields['grown'], MAX_CLAIMS, pairIn)
  const claims = listIn(fields['claims'], MAX_CLAIMS, claimIn)
  if (pid === undefined || namespace === undefined || within === undefined) return undefined
  if (levels === undefined || grown === undefined || claims === undefined) return undefined
  return { pid, namespace, within, levels, grown, claims }
}

function claimIn(raw: unknown): Claim | undefined {
  const fields = asRecord(raw)
  if (fields === undefined) return undefined
  const numbers = ['number', 'since', 'at', 'memory', 'cpu', 'granted', 'root', 'base'].map((key) =>
    amountIn(fields[key]),
  )
  if (numbers.includes(undefined)) return undefined
  const [number, since, at, memory, cpu, granted, root, base] = numbers as number[]
  const lane = textIn(fields['lane'], 64)
  const name = textIn(fields['name'], 200)
  const lacks = textIn(fields['lacks'], 128)
  if (lane === undefined || !isLane(lane) || name === undefined || lacks === undefined) return undefined
  return {
    number: number!,
    since: since!,
    at: at!,
    memory: memory!,
    cpu: cpu!,
    granted: granted!,
    root: root!,
    base: base!,
    lane,
    name,
    lacks,
  }
}

function asRecord(raw: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? (raw as Record<string, unknown>) : undefined
}

function textIn(raw: unknown, longest: number): string | undefined {
  return typeof raw === 'string' && raw.length <= longest ? raw : undefined
}

function amountIn(raw: unknown): number | undefined {
  return typeof raw === 'number' && raw >= 0 && raw <= Number.MAX_SAFE_INTEGER ? raw : undefined
}

function wholeIn(raw: unknown): number | undefined {
  return Number.isInteger(raw) ? amountIn(raw) : undefined
}

function pairIn(raw: unknown): readonly [number, number] | undefined {
  if (!Array.isArray(raw) || raw.length !== 2) return undefined
  const [root, bytes] = [wholeIn(raw[0]), amountIn(raw[1])]
  return root === undefined || bytes === undefined ? undefined : [root, bytes]
}

/** Reads each element; undefined if there are too many, or one is not valid. */
function listIn<T>(raw: unknown, most: number, read: (each: unknown) => T | undefined): T[] | undefined {
  if (!Array.isArray(raw) || raw.length > most) return undefined
  const list: T[] = []
  for (const each of raw) {
    const value = read(each)
    if (value === undefined) return undefined
    list.push(value)
  }
  return list
}
