/** One operation made of several. */
import { invalidType, invalidValue } from '../base/errors.js'
import { abortLink, checkAbortSignal } from '../sources/abort.js'
import { HubLink, type Link } from '../engine/link.js'
import { checkSource, linkTo, type CancelationSource } from '../sources/source.js'
import { CancelationToken, tokenLink } from '../sources/token.js'
import type { Cancelable } from './cancelable.js'
import { Followers } from './extras.js'
import { addLink } from './options.js'

/** What can be a part of a combined operation. */
export type Combinable = Cancelable | CancelationToken | AbortSignal | CancelationSource

/** Adds every part, and what the parts are configured with, to an operation that has not started. */
export function combineInto(operation: Cancelable, parts: Iterable<Combinable>): Cancelable {
  if (typeof (parts as Partial<Iterable<Combinable>> | null | undefined)?.[Symbol.iterator] !== 'function') {
    throw invalidType('parts', 'an iterable of operations, tokens or sources', parts)
  }
  const all = [...parts]
  if (all.length === 0) throw invalidValue('parts', 'at least one operation, token or source', 'none')
  for (const part of all) {
    if (typeof part !== 'object' || part === null) throw invalidType('parts', 'operations, tokens or sources', part)
    if ('_firstChild' in part) follow(operation, part)
    else if (part instanceof CancelationToken) addLink(operation, tokenLink(part, operation))
    else if ('arm' in part) addLink(operation, linkTo(checkSource(part, 'parts'), operation))
    else if ('aborted' in part) addLink(operation, abortLink(checkAbortSignal(part, 'parts'), operation))
    else throw invalidType('parts', 'operations, tokens, signals or sources', part)
  }
  return operation
}

/** The part, and where it has a parent of its own that too, and so on up. */
function follow(operation: Cancelable, part: Cancelable): void {
  let last = operation._links
  for (let each: Cancelable | null = part; each !== null; each = each._parent) {
    last = followOne(operation, each, last)
    if (each._parent === null) return
    operation._parent ??= each._parent
    if (operation._parent === each._parent) return
  }
}

function followOne(operation: Cancelable, part: Cancelable, after: Link | null): Link {
  const extras = part._more()
  if (extras.followers === undefined) {
    extras.followers = new Followers()
    extras.followers.reason = part._reason
  }
  let last = addLink(operation, new HubLink(extras.followers, operation), after)
  for (let link = part._links; link !== null; link = link.sibling) {
    last = addLink(operation, link.copy(operation), last)
  }
  if (part._timeout !== undefined) operation._timeout = Math.min(part._timeout, operation._timeout ?? Infinity)
  if (extras.deadline !== Infinity) {
    const own = operation._more()
    own.deadline = Math.min(own.deadline, extras.deadline)
  }
  if (extras.grace > 0) operation._more().grace = Math.max(operation._more().grace, extras.grace)
  return last
}
