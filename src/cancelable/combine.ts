/** One operation made of several. */
import { ofThisCopy } from '../base/copies.js'
import { invalidType, invalidValue } from '../base/errors.js'
import { abortLink, checkAbortSignal } from '../sources/abort.js'
import { HubLink, type Link } from '../engine/link.js'
import { checkSource, linkTo, type CancelationSource } from '../sources/source.js'
import { CancelationToken, checkToken, tokenLink } from '../sources/token.js'
import { extrasOf, kReason, kParent, kFirstChild, kLinks, kTimeout, type Operation } from './operation.js'
import { Followers } from './extras.js'
import { addLink } from './links.js'

type Part = Operation | CancelationToken | AbortSignal | CancelationSource

/** Adds every part, with the sources that the parts are configured with, to an operation that has not started. */
export function combineInto(operation: Operation, parts: Iterable<Part>): void {
  if (typeof (parts as Partial<Iterable<Part>> | null | undefined)?.[Symbol.iterator] !== 'function') {
    throw invalidType('parts argument', 'an iterable of operations, tokens or sources', parts)
  }
  const all = [...parts]
  if (all.length === 0) throw invalidValue('parts argument', 'at least one operation, token or source', 'none')
  for (const part of all) {
    if (typeof part !== 'object' || part === null)
      throw invalidType('parts argument', 'operations, tokens or sources', part)
    if (kFirstChild in part) follow(operation, part)
    else if (part instanceof CancelationToken) addLink(operation, tokenLink(checkToken(part, 'parts'), operation))
    else if ('arm' in part) addLink(operation, linkTo(checkSource(part, 'parts'), operation))
    else if ('aborted' in part) addLink(operation, abortLink(checkAbortSignal(part, 'parts'), operation))
    else throw invalidType('parts argument', `operations, tokens, signals or sources${ofThisCopy(part)}`, part)
  }
}

/** Follows the part, its parent, and so on up the chain. */
function follow(operation: Operation, part: Operation): void {
  let last = operation[kLinks]
  for (let each: Operation | null = part; each !== null; each = each[kParent]) {
    last = followOne(operation, each, last)
    operation[kParent] ??= each[kParent]
    if (operation[kParent] === each[kParent]) return
  }
}

/** The hub of everything that is canceled with the operation, besides its children. */
export function followersOf(operation: Operation): Followers {
  const extras = extrasOf(operation)
  if (extras.followers === undefined) {
    extras.followers = new Followers()
    extras.followers.reason = operation[kReason]
  }
  return extras.followers
}

function followOne(operation: Operation, part: Operation, after: Link | null): Link {
  const extras = extrasOf(part)
  let last = addLink(operation, new HubLink(followersOf(part), operation), after)
  for (let link = part[kLinks]; link !== null; link = link.sibling) {
    const copy = link.copy(operation)
    if (copy !== null) last = addLink(operation, copy, last)
  }
  if (part[kTimeout] !== undefined) operation[kTimeout] = Math.min(part[kTimeout], operation[kTimeout] ?? Infinity)
  const own = extrasOf(operation)
  own.deadline = Math.min(own.deadline, extras.deadline)
  if (extras.grace !== undefined) own.grace = Math.max(own.grace ?? 0, extras.grace)
  return last
}
