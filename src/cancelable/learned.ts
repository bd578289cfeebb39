/** Which operations have learned of their cancelation. */
import { kFlags, kParent, kReason, type Operation } from './operation.js'
import { BODY, FINISHING, LEARNED } from './state.js'

/**
 * The operation has learned of its cancelation, or will at its moment. A block has no body of its own: what is learned in it,
 * the body around it has learned.
 */
export function learn(operation: Operation): true {
  operation[kFlags] |= LEARNED
  let each = operation
  while ((each[kFlags] & (BODY | FINISHING)) === 0) {
    const above = each[kParent]
    if (above === null || above[kReason] === null || (above[kFlags] & LEARNED) !== 0) break
    above[kFlags] |= LEARNED
    each = above
  }
  return true
}
