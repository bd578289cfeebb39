/** One operation made of several. */
import { invalidType, invalidValue } from '../errors.js'
import { AbortSignalSource, checkAbortSignal } from '../sources/abort.js'
import { HubLink } from '../sources/link.js'
import { checkSource, linkTo, type CancelationSource } from '../sources/source.js'
import { CancelationToken, tokenLink } from '../sources/token.js'
import type { Cancelable } from './cancelable.js'
import { Followers } from './extras.js'
import { addLink } from './options.js'

/** What can be a part of a combined operation. */
export type Combinable = Cancelable | CancelationToken | AbortSignal | CancelationSource

/** Adds every part, and what the parts are configured with, to an operation that has not started. */
export function combineInto(operation: Cancelable, parts: Iterable<Combinable>): Cancelable {
  const all = [...parts]
  if (all.length === 0) throw invalidValue('parts', 'at least one operation, token or source', 'none')
  for (const part of all) {
    if (typeof part !== 'object' || part === null) throw invalidType('parts', 'operations, tokens or sources', part)
    if ('_firstChild' in part) follow(operation, part)
    else if (part instanceof CancelationToken) addLink(operation, tokenLink(part, operation))
    else if ('arm' in part) addLink(operation, linkTo(checkSource(part, 'parts'), operation))
    else addLink(operation, linkTo(new AbortSignalSource(checkAbortSignal(part, 'parts')), operation))
  }
  return operation
}

function follow(operation: Cancelable, part: Cancelable): void {
  const extras = part._more()
  if (extras.followers === undefined) {
    extras.followers = new Followers()
    extras.followers.reason = part._reason
  }
  addLink(operation, new HubLink(extras.followers, operation))
  for (let link = part._links; link !== null; link = link.sibling) addLink(operation, link.copy(operation))
  if (part._timeout !== undefined) operation._timeout = Math.min(part._timeout, operation._timeout ?? Infinity)
  if (extras.deadline !== Infinity) {
    const own = operation._more()
    own.deadline = Math.min(own.deadline, extras.deadline)
  }
  if (extras.grace > 0) operation._more().grace = Math.max(operation._more().grace, extras.grace)
  if (part._parent === null) return
  if (operation._parent === null) operation._parent = part._parent
  else if (operation._parent !== part._parent) follow(operation, part._parent)
}
