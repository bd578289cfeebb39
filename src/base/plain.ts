/** Any value as JSON for logs: short, whatever it holds, and never an exception. */

// A log line is for reading: longer lists and deeper objects are cut.
const MAX_ITEMS = 20
const MAX_DEPTH = 4
const MAX_CHARACTERS = 1000

const UNREADABLE = 'a value that cannot be read'

/** The fields of an object as JSON, without those that are undefined. */
export function plainFields(fields: object, depth: number = MAX_DEPTH): Record<string, unknown> {
  const plain: Record<string, unknown> = {}
  for (const key of keysOf(fields)) {
    const value = plainField(fields, key, depth - 1)
    if (value !== undefined) plain[key] = value
  }
  return plain
}

function keysOf(fields: object): readonly string[] {
  try {
    return Object.keys(fields).slice(0, MAX_ITEMS)
  } catch {
    // A proxy.
    return []
  }
}

function plainField(fields: object, key: string, depth: number): unknown {
  try {
    return plainValue((fields as Readonly<Record<string, unknown>>)[key], depth)
  } catch {
    return UNREADABLE
  }
}

function plainValue(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return value.length <= MAX_CHARACTERS ? value : `${value.slice(0, MAX_CHARACTERS)}...`
    case 'boolean':
    case 'undefined':
      return value
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'function':
      return `function ${value.name}`
    case 'object':
      return value === null ? null : plainObject(value, depth)
    case 'bigint':
    case 'symbol':
      return String(value)
  }
}

function plainObject(value: object, depth: number): unknown {
  if (value instanceof Error) return { name: value.name, message: value.message }
  if (value instanceof Date) return value.toJSON()
  if (depth > 0 && Array.isArray(value)) {
    return value.slice(0, MAX_ITEMS).map((_, index) => plainField(value, String(index), depth - 1))
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  const isPlain = prototype === Object.prototype || prototype === null
  if (depth > 0 && (isPlain || kPlain in value)) return plainFields(rootOf(value), depth)
  return `an instance of ${value.constructor?.name ?? 'Object'}`
}

/** The key of a method that returns what is to be shown in place of an object. */
export const kPlain: unique symbol = Symbol('tripline.plain')

function rootOf(value: object): object {
  return (value as { readonly [kPlain]?: () => object })[kPlain]?.() ?? value
}
