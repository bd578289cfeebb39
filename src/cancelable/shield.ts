/** A part of a body that no cancelation interrupts. */
import { checkKeys, checkOptions } from '../base/errors.js'
import { parseDuration, type Duration } from '../base/units.js'
import { extrasOf, type Operation } from './operation.js'
import type { Shield } from './extras.js'
import { throwIfCanceled } from './poll.js'

/** Options of `cancel.shield()`. */
export interface ShieldOptions {
  /** How long it may delay the end of a canceled operation; then it is canceled itself. @default 30 s */
  max?: Duration | undefined
}

const DEFAULT_MAX = 30_000

/**
 * Runs a part of `outer` that is not its child. Only `limit` reaches it, called with `max` when `outer` is canceled.
 */
export async function shield<T>(
  outer: Operation,
  run: () => Promise<T>,
  limit: (max: number) => void,
  options: ShieldOptions = {},
): Promise<T> {
  checkKeys(checkOptions(options), 'shield option', ['max'])
  const max = options.max === undefined ? DEFAULT_MAX : parseDuration(options.max, 'max', true)
  throwIfCanceled(outer)
  const shields = (extrasOf(outer).shields ??= new Set())
  let finished!: () => void
  const over = new Promise<void>((resolve) => {
    finished = resolve
  })
  const entry: Shield = { over, limit: () => limit(max) }
  // Before the body runs, because its first part may already cancel the outer operation.
  shields.add(entry)
  try {
    const result = await run()
    throwIfCanceled(outer)
    return result
  } finally {
    shields.delete(entry)
    finished()
  }
}
