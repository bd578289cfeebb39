/** Which operations have learned of their cancelation. */
import { kFlags, kParent, kReason, type Operation } from './operation.js'
import { BODY, FINISHING, LEARNED } from './state.js'

/**
 * Records that the operation's body knows of the cancelation, or will when the current propagation reaches it. A block has no
 * body of its own, so the mark goes up to the nearest operation with one, whose code is what runs in the block.
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
