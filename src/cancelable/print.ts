/** How an operation looks in text and in `console.log`: its state, and none of its internals. */
import { kContext } from '../base/operation-context.js'
import { inspectAs, type Inspect, type InspectOptions } from '../base/printing.js'
import type { Operation } from './operation.js'

/** `Cancelable "import" (running)`. */
export function describeOperation(operation: Operation): string {
  const { name, id, status, reason } = operation[kContext]
  const state = reason === undefined ? status : `${status}: ${reason.message}`
  return `Cancelable ${JSON.stringify(name === undefined || name === '' ? id : name)} (${state})`
}

/** Like the JSON of its context, for a person: the reason is its message, and times are durations. */
export function inspectOperation(
  operation: Operation,
  label: string,
  depth: number,
  options: InspectOptions,
  inspect: Inspect,
): string {
  const { id, name, status, parentId, elapsed, reason, progress, metadata } = operation[kContext]
  const fields = { id, name, status, parentId, elapsed, reason: reason?.message, progress: progress?.message, metadata }
  return inspectAs(label, fields, depth, options, inspect)
}
