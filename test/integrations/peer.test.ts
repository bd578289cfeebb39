/** The packages that integrations need, and what happens without them. */
import { describe, expect, it } from 'vitest'
import { PeerMissingError } from '../../src/index.js'
import { loadPeer } from '../../src/integrations/peer.js'
import { thrown } from '../cancelable/helpers.js'

describe('a peer', () => {
  it('is loaded if it is installed', () => {
    expect(loadPeer('express', 'tripline/express')).toBeTypeOf('function')
  })

  it('that is missing is one error that names it', () => {
    const error = thrown(() => loadPeer('tripline-no-such-package', 'tripline/example'))
    expect(error).toBeInstanceOf(PeerMissingError)
    expect(error).toMatchObject({
      code: 'ERR_TRIPLINE_PEER_MISSING',
      peer: 'tripline-no-such-package',
      message:
        "'tripline/example' needs the package 'tripline-no-such-package', which is not installed: " +
        'npm install tripline-no-such-package',
    })
  })
})
