/** How objects of this library look in `console.log` and `util.inspect`. */
import type { inspect, InspectOptions } from 'node:util'
import { plainFields } from './plain.js'

/** The key of the method that `util.inspect` calls. */
export const kInspect: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never

/** `util.inspect`, as it is passed to the method. */
export type Inspect = typeof inspect

/** Whether `value` has a field that is worth showing. */
function isShown([, value]: [string, unknown]): boolean {
  return value !== undefined
}

// In characters: a log line that is longer says no more.
const LONGEST = 10_000

/**
 * The fields as `util.inspect` prints a plain object, without those that are undefined; and if that throws or is too long, as
 * in JSON. Values of the user's may throw when they are printed.
 *
 * @param depth how deep to go, as `util.inspect` passes it to the method
 */
export function inspectWith(fields: object, depth: number, options: InspectOptions, inspect: Inspect): string {
  const shown = Object.fromEntries(Object.entries(fields).filter(isShown))
  // The depth of the options is that of the outermost object: with it, a value that contains itself would never end.
  const own = { ...options, depth }
  try {
    const text = inspect(shown, own)
    if (text.length <= LONGEST) return text
  } catch {
    // The values are printed in the safe way.
  }
  return inspect(plainFields(shown), own)
}

/** The same, after a name: `Cancelable { id: 'operation_1', status: 'running' }`. */
export function inspectAs(
  name: string,
  fields: object,
  depth: number,
  options: InspectOptions,
  inspect: Inspect,
): string {
  return depth < 0 ? `[${name}]` : `${name} ${inspectWith(fields, depth, options, inspect)}`
}

export type { InspectOptions }
