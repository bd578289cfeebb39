/** How objects of this library look in `console.log` and `util.inspect`. */
import type { inspect, InspectOptions } from 'node:util'

/** The key of the method that `util.inspect` calls. */
export const kInspect: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never

/** `util.inspect`, as it is passed to the method. */
export type Inspect = typeof inspect

/** Whether `value` has a field that is worth showing. */
function isShown([, value]: [string, unknown]): boolean {
  return value !== undefined
}

/** The fields as `util.inspect` prints a plain object, without those that are undefined. */
export function inspectWith(fields: object, options: InspectOptions, inspect: Inspect): string {
  return inspect(Object.fromEntries(Object.entries(fields).filter(isShown)), options)
}

/** The same, after a name: `Cancelable { id: 'operation_1', status: 'running' }`. */
export function inspectAs(
  name: string,
  fields: object,
  depth: number,
  options: InspectOptions,
  inspect: Inspect,
): string {
  return depth < 0 ? `[${name}]` : `${name} ${inspectWith(fields, options, inspect)}`
}

export type { InspectOptions }
