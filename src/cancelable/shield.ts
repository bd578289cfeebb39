/** A part of a body that no cancelation interrupts. */
import { CancelationError } from '../base/cancelation-error.js'
import { quiet } from '../base/quiet.js'
import { readOptions } from '../base/options.js'
import { parseDuration, type Duration } from '../base/units.js'
import { extrasOf, kParent, kReason, type Operation } from './operation.js'
import type { Shield } from './extras.js'
import { refusalOf, throwIfCanceled } from './poll.js'

/** Options of `cancel.shield()`. */
export interface ShieldOptions {
  /** How long it may delay the end of a canceled operation; then it is canceled itself. @default 30 s */
  max?: Duration | undefined
}

const DEFAULT_MAX_MS = 30_000

/**
 * Runs a part of `outer` that is not its child. Only `limit` reaches it, called with `max` when `outer` is canceled. Usually
 * awaited; if not, the cancelation that it rejects with is marked as handled.
 */
export function shield<T>(
  outer: Operation,
  run: () => Promise<T>,
  limit: (max: number) => void,
  options?: ShieldOptions,
): Promise<T> {
  const promise = shielded(outer, run, limit, options).catch((error: unknown) => {
    if (refusalOf(outer) !== undefined && CancelationError.is(error)) quiet(promise)
    throw error
  })
  return promise
}

async function shielded<T>(
  outer: Operation,
  run: () => Promise<T>,
  limit: (max: number) => void,
  options: ShieldOptions = {},
): Promise<T> {
  readOptions(options, 'shield option', ['max'])
  const max = options.max === undefined ? DEFAULT_MAX_MS : parseDuration(options.max, 'max', true)
  const refusal = refusalOf(outer)
  if (refusal !== undefined) throw refusal
  let finished!: () => void
  const over = new Promise<void>((resolve) => {
    finished = resolve
  })
  let isLimited = false
  const entry: Shield = {
    over,
    limit: () => {
      // Once: ancestors that are canceled later must not give it more time.
      if (isLimited || outer[kReason] === null) return
      isLimited = true
      limit(max)
    },
  }
  // Before the body runs, because its first part may already cancel the outer operation.
  const holders = addToAll(outer, entry)
  try {
    const result = await run()
    throwIfCanceled(outer)
    return result
  } finally {
    for (const shields of holders) shields.delete(entry)
    finished()
  }
}

/** Ancestors wait for it as well, because their bodies usually wait for this operation. */
function addToAll(outer: Operation, entry: Shield): Set<Shield>[] {
  const holders: Set<Shield>[] = []
  for (let each: Operation | null = outer; each !== null; each = each[kParent]) {
    const shields = (extrasOf(each).shields ??= new Set())
    holders.push(shields.add(entry))
  }
  return holders
}
