/** Optional peers: packages that an integration needs, and that the user installs. */
import { createRequire } from 'node:module'
import { PeerMissingError } from '../base/errors.js'

/**
 * Loads a package that an integration needs.
 *
 * @param integration its entry point: `'tripline/prometheus'`
 * @throws PeerMissingError `ERR_TRIPLINE_PEER_MISSING` if it is not installed; whatever an installed one throws
 */
export function loadPeer(peer: string, integration: string): unknown {
  const load = createRequire(import.meta.url)
  try {
    return load(peer)
  } catch (error) {
    // A package that is installed, but lacks one of its own files, has the same code.
    const { code, message } = error as NodeJS.ErrnoException
    const isMissing = code === 'MODULE_NOT_FOUND' && message.includes(`'${peer}'`)
    throw isMissing ? new PeerMissingError(peer, integration, error) : error
  }
}
