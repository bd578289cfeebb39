/** Which operations a call is about. */
import { invalidType, unknownName } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import { kContext, type OperationContext, type OperationStatus } from '../base/operation-context.js'
import { parseDuration, type Duration } from '../base/units.js'
import type { Cancelable } from '../cancelable/cancelable.js'
import { asOperation } from '../cancelable/registration.js'
import { STATUS } from '../cancelable/state.js'
import { matchesGlob } from './glob.js'

/** What a running operation and the record of an ended one have in common. */
export type OperationSummary = Pick<
  OperationContext,
  'id' | 'name' | 'status' | 'parentId' | 'startedAt' | 'endedAt' | 'elapsed' | 'reason' | 'metadata'
>

/** Which operations are meant: those for which everything that is given here holds; all of them for `{}`. */
export interface OperationFilter {
  /**
   * Of the name: a pattern in which `*` stands for any characters, `?` for one, and a backslash makes the next character
   * literal; a regular expression; or a function. An operation without a name matches no pattern.
   */
  name?: string | RegExp | ((name: string | undefined) => boolean) | undefined
  /** One or several statuses. */
  status?: OperationStatus | readonly OperationStatus[] | undefined
  /** The parent, or its id. */
  parent?: string | Cancelable | undefined
  /** Values that the metadata must have, compared as by `Object.is`; or a function. */
  metadata?:
    | Readonly<Record<string, unknown>>
    | ((metadata: Readonly<Record<string, unknown>> | undefined) => boolean)
    | undefined
  /** Started at least this long ago. */
  olderThan?: Duration | undefined
  /** Started less than this long ago. */
  youngerThan?: Duration | undefined
  /** Any other condition. */
  where?: ((operation: OperationSummary) => boolean) | undefined
}

const FILTERS = ['name', 'status', 'parent', 'metadata', 'olderThan', 'youngerThan', 'where'] as const

/** Whether an operation is meant; `age` is in milliseconds, and undefined before the start. */
export type Matcher = (operation: OperationSummary, age: number | undefined) => boolean

/**
 * @param more the names of further filters, which the caller checks
 * @throws TypeError, RangeError with Node's codes, naming the filter
 */
export function compileFilter(filter: OperationFilter = {}, more: readonly string[] = []): Matcher {
  const given = readOptions(filter, 'filter', [...FILTERS, ...more])
  const { name, status, parent, metadata, olderThan, youngerThan, where } = given
  const all: Matcher[] = []
  if (status !== undefined) all.push(byStatus(status))
  if (name !== undefined) all.push(byName(name))
  if (parent !== undefined) all.push(byParent(parent))
  if (olderThan !== undefined) {
    const least = parseDuration(olderThan, 'olderThan')
    all.push((_, age) => age !== undefined && age >= least)
  }
  if (youngerThan !== undefined) {
    const most = parseDuration(youngerThan, 'youngerThan', true)
    all.push((_, age) => age !== undefined && age < most)
  }
  if (metadata !== undefined) all.push(byMetadata(metadata))
  if (where !== undefined) {
    if (typeof where !== 'function') throw invalidType('where', 'a function', where)
    all.push((operation) => isTrue(where(operation)))
  }
  return (operation, age) => all.every((each) => each(operation, age))
}

/** Only `true` matches: the promise of an async function does not. */
function isTrue(result: unknown): boolean {
  return result === true
}

function byStatus(given: OperationStatus | readonly OperationStatus[]): Matcher {
  const statuses: readonly unknown[] = Array.isArray(given) ? given : [given]
  for (const each of statuses) {
    if (typeof each !== 'string') throw invalidType('status', 'a status or an array of them', each)
    if (!(STATUS as readonly string[]).includes(each)) throw unknownName('status', each, STATUS)
  }
  return ({ status }) => statuses.includes(status)
}

function byName(given: NonNullable<OperationFilter['name']>): Matcher {
  if (typeof given === 'string') return ({ name }) => name !== undefined && matchesGlob(given, name)
  if (typeof given === 'function') return ({ name }) => isTrue(given(name))
  if (!(given instanceof RegExp)) throw invalidType('name', 'a pattern, a RegExp or a function', given)
  // Without the flags by which a regular expression remembers its last match.
  const stateless = new RegExp(given.source, given.flags.replace(/[gy]/g, ''))
  return ({ name }) => name !== undefined && stateless.test(name)
}

function byParent(given: NonNullable<OperationFilter['parent']>): Matcher {
  if (typeof given === 'string') return ({ parentId }) => parentId === given
  const operation = asOperation(given)
  if (operation === undefined) throw invalidType('parent', 'an operation or its id', given)
  const { id } = operation[kContext]
  return ({ parentId }) => parentId === id
}

function byMetadata(given: NonNullable<OperationFilter['metadata']>): Matcher {
  if (typeof given === 'function') return ({ metadata }) => isTrue(given(metadata))
  if (typeof given !== 'object' || given === null) throw invalidType('metadata', 'an object or a function', given)
  const wanted = Object.entries(given)
  return ({ metadata }) =>
    metadata !== undefined &&
    wanted.every(([key, value]) => Object.hasOwn(metadata, key) && Object.is(metadata[key], value))
}
