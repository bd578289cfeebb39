/**
 * Stands in for `node:diagnostics_channel` in the code of the command, to whose channels nothing subscribes: the build puts it
 * there.
 */
import type { Channel } from 'node:diagnostics_channel'

/** A channel without subscribers. */
export function channel(name: string): Pick<Channel, 'name' | 'hasSubscribers' | 'publish'> {
  return { name, hasSubscribers: false, publish: () => undefined }
}
