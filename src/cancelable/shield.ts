/** A part of a body that no cancelation cuts. */
import { checkKeys } from '../base/errors.js'
import { parseDuration, type Duration } from '../base/units.js'
import type { Cancelable } from './cancelable.js'
import type { Shield } from './extras.js'
import { checkOptions } from './options.js'

export interface ShieldOptions {
  /** How long it may delay the end of a canceled operation; then it is canceled itself. Default 30 s. */
  max?: Duration
}

const DEFAULT_MAX = 30_000

/**
 * Runs `body` in `inner`, which is no child of `outer`: nothing reaches it but its own `max`, which counts from the
 * cancelation of `outer`.
 */
export async function shield<T>(
  outer: Cancelable,
  inner: Cancelable,
  body: (cancel: Cancelable) => T | PromiseLike<T>,
  options: ShieldOptions = {},
): Promise<T> {
  checkKeys(checkOptions(options), 'shield option', ['max'])
  const max = options.max === undefined ? DEFAULT_MAX : parseDuration(options.max, 'max', true)
  outer.throwIfCanceled()
  const shields = (outer._more().shields ??= new Set())
  let finished!: () => void
  const over = new Promise<void>((resolve) => {
    finished = resolve
  })
  const entry: Shield = { over, limit: () => inner.extend(max) }
  // Before the body: already its first part may cancel the operation outside.
  shields.add(entry)
  try {
    const result = await inner.run(body)
    outer.throwIfCanceled()
    return result
  } finally {
    shields.delete(entry)
    finished()
  }
}
