/** Reasons as a structured clone can take them, for errors that are posted to other threads. */
import { types } from 'node:util'
import { amended, messageOf, rootCause, type CancelationReason } from './reason.js'

const MAX_VALUES = 1000

/**
 * The reason, or else a copy: a foreign cause may be of a kind that cannot be cloned, and a long chain of parents would
 * overflow the stack.
 */
export function cloneable(reason: CancelationReason): CancelationReason {
  switch (reason.kind) {
    case 'abort':
    case 'error':
      return isCloneable(reason.cause) ? reason : amended(reason, { cause: messageOf(reason.cause) })
    case 'custom':
      return isCloneable(reason.data) ? reason : amended(reason, { data: messageOf(reason.data) })
    case 'all': {
      const causes = reason.causes.map(cloneable)
      return causes.every((each, index) => each === reason.causes[index]) ? reason : amended(reason, { causes })
    }
    case 'parent': {
      if (reason.parent === undefined) return reason
      const parent = cloneable(rootCause(reason.parent))
      return parent === reason.parent ? reason : amended(reason, { parent })
    }
    case 'resource': {
      const { breach } = reason
      return isCloneable(breach.error)
        ? reason
        : amended(reason, { breach: { ...breach, error: messageOf(breach.error) } })
    }
    case 'timeout':
    case 'idle':
    case 'manual':
    case 'signal':
    case 'condition':
    case 'oom':
      return reason
  }
}

/** Whether a value consists of plain objects, arrays, errors and primitive values, and not of too many. */
function isCloneable(value: unknown): boolean {
  const open: unknown[] = [value]
  try {
    for (let seen = 0; open.length > 0; seen++) {
      const each = open.pop()
      if (seen > MAX_VALUES || typeof each === 'function' || typeof each === 'symbol') return false
      if (typeof each !== 'object' || each === null) continue
      if (types.isProxy(each)) return false
      if (each instanceof Error) {
        open.push(each.cause)
        continue
      }
      const prototype: unknown = Object.getPrototypeOf(each)
      if (prototype !== Object.prototype && prototype !== null && !Array.isArray(each)) return false
      open.push(...Object.values(each))
    }
    return true
  } catch {
    return false
  }
}
