/** Intercepts the setter of an operation's partial result, because operations have no listener for it. */

/** Calls `listener` whenever the partial result of this operation is set. */
export function onPartialResult(operation: object, listener: (value: unknown) => void): void {
  const inherited = inheritedAccessor(operation, 'partialResult')
  Object.defineProperty(operation, 'partialResult', {
    configurable: true,
    enumerable: false,
    get: () => inherited.get?.call(operation) as unknown,
    set: (value: unknown) => {
      inherited.set?.call(operation, value)
      listener(value)
    },
  })
}

function inheritedAccessor(from: object, name: string): PropertyDescriptor {
  let each: object | null = from
  while (each !== null) {
    const found = Object.getOwnPropertyDescriptor(each, name)
    if (found !== undefined) return found
    each = Object.getPrototypeOf(each) as object | null
  }
  return {}
}
