/** Options as callers give them: literals, and objects with getters or prototypes, which count alike. */
import { types } from 'node:util'
import { isMarked } from './copies.js'
import { checkKeys, invalidType } from './errors.js'

/**
 * The options as an object that can be spread and iterated over. A literal is returned as it is; of any other object, the
 * `known` options are read wherever they come from: its own properties, its prototypes, getters of its class.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE` for what cannot be options: no object, or one that has none of them
 */
export function ownOptions<T extends object>(options: T, known: readonly string[]): T {
  if (isLiteral(options)) return options
  const given = checkOptions(options) as Readonly<Record<string, unknown>>
  const own: Record<string, unknown> = {}
  // Unknown ones are kept, so that they are refused by their names.
  for (const key in given) own[key] = given[key]
  for (const key of known) if (key in given) own[key] = given[key]
  if (Object.keys(own).length === 0) throw notOptions(options)
  return own as T
}

/**
 * The same, and no option but the known ones may be among them.
 *
 * @param what how the message calls an entry: `'option'`, `'stream option'`
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`
 */
export function readOptions<T extends object>(options: T, what: string, known: readonly string[]): T {
  const own = ownOptions(options, known)
  checkKeys(own, what, known)
  return own
}

/**
 * Returns the options, checked to be an object.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE` for any other value, and for objects whose content would be ignored
 */
export function checkOptions<T extends object>(options: T): T {
  if (isLiteral(options)) return options
  if (typeof options !== 'object' || options === null || isValue(options)) {
    throw invalidType('options argument', 'an object', options)
  }
  if (isMarked(options)) throw notOptions(options)
  return options
}

function notOptions(given: unknown): TypeError {
  return invalidType('options argument', 'an object of options, such as { token }', given)
}

function isLiteral(options: unknown): boolean {
  if (typeof options !== 'object' || options === null) return false
  const prototype = Object.getPrototypeOf(options) as object | null
  return prototype === Object.prototype || prototype === null || isRootPrototype(prototype)
}

/** `Object.prototype` of another realm. */
function isRootPrototype(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty')
}

/** Whether an object is a value of its own: an array, a date, an error, or anything that names its kind, as signals do. */
function isValue(given: object): boolean {
  return (
    Array.isArray(given) ||
    types.isDate(given) ||
    types.isRegExp(given) ||
    types.isNativeError(given) ||
    given instanceof Error ||
    types.isBoxedPrimitive(given) ||
    typeof (given as { readonly [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] === 'string'
  )
}
