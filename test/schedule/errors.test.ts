/** Errors of bodies that were canceled. */
import { channel } from 'node:diagnostics_channel'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { connect } from '../../src/addon/sampler.js'
import type { ErrorMessage } from '../../src/base/diagnostics.js'
import { every } from '../../src/schedule/ticker.js'
import { eventually } from '../helpers/eventually.js'

const seen: unknown[] = []
const listen = (message: unknown): void => void seen.push((message as ErrorMessage).error)
const errors = channel('tripline:error')
errors.subscribe(listen)
afterEach(() => seen.splice(0))

describe('an error in a canceled body', () => {
  test('is reported, although the tick ended for another reason', async () => {
    const clumsy = new Error('the batch was not saved')
    const ticker = every(
      5,
      async (cancel) => {
        try {
          await cancel.sleep('1h')
        } catch {
          throw clumsy
        }
      },
      { timeout: 5 },
    )
    await eventually(() => seen.includes(clumsy))
    await ticker.close()
  })

  test('is not reported if it is only the cancelation', async () => {
    let ended = 0
    const ticker = every(
      5,
      async (cancel) => {
        try {
          await cancel.sleep('1h')
        } finally {
          ended++
        }
      },
      { timeout: 5 },
    )
    await eventually(() => ended >= 3)
    await ticker.close()
    expect(seen).toEqual([])
  })
})

describe('a ticker whose thread the system refuses', () => {
  test('throws an error with a code, and leaves nothing', () => {
    const refused = vi.spyOn(connect(), 'addTicker').mockReturnValue('starting the sampling thread: EAGAIN')
    try {
      expect(() => every(5, () => undefined)).toThrow(
        expect.objectContaining({
          code: 'ERR_TRIPLINE_NOT_STARTED',
          message: 'The ticker cannot start: starting the sampling thread: EAGAIN',
        }),
      )
    } finally {
      refused.mockRestore()
    }
  })
})
