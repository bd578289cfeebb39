/** The links of an operation: a list by `sibling`, in the order in which they are connected at the start. */
import type { Link } from '../engine/link.js'
import { kLinks, type Operation } from './operation.js'

/**
 * Appends a link, so that sources are armed in the order in which they were given.
 *
 * @param after the link at which the search for the end starts; a caller that adds many links passes the previous one
 */
export function addLink(operation: Operation, link: Link, after: Link | null = operation[kLinks]): Link {
  let last = after
  if (last === null) {
    operation[kLinks] = link
    return link
  }
  while (last.sibling !== null) last = last.sibling
  last.sibling = link
  return link
}

/** Adds a link before all others: it sees an operation start that one of them cancels at once. */
export function prependLink(operation: Operation, link: Link): void {
  link.sibling = operation[kLinks]
  operation[kLinks] = link
}
