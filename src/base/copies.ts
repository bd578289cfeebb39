/**
 * Several copies of this package in one process: two versions in one tree, a bundle beside node_modules, a test runner that
 * loads everything anew. Their classes differ, so objects of another copy are recognized by a mark.
 */

const kCopy = Symbol.for('tripline.copy')
/** The mark of objects that this copy made. */
const own = {}

/** Marks all instances of a class and of its subclasses as made by this copy. */
export function markInstances(of: { readonly prototype: object }): void {
  Object.defineProperty(of.prototype, kCopy, { value: own })
}

/** Whether the value is an instance of a marked class, of this copy or another. */
export function isMarked(value: unknown): boolean {
  return markOf(value) !== undefined
}

/** Part of a message: the value was made by another copy of this package. Empty for any other value. */
export function ofThisCopy(given: unknown): string {
  const mark = markOf(given)
  return mark === undefined || mark === own ? '' : ' of this copy of tripline (another one is loaded too)'
}

function markOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? (value as { readonly [kCopy]?: unknown })[kCopy] : undefined
}
