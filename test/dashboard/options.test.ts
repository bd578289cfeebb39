/** Bad input is refused at the call, with a code, and leaves nothing behind. */
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dashboard, type Dashboard } from '../../src/integrations/dashboard/index.js'

const TYPE = 'ERR_INVALID_ARG_TYPE'
const VALUE = 'ERR_INVALID_ARG_VALUE'
const RANGE = 'ERR_OUT_OF_RANGE'

function codeOf(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return (error as { code?: unknown }).code
  }
  return undefined
}

describe('dashboard()', () => {
  it.each([
    [{ titel: 'x' }, VALUE],
    [{ title: 1 }, TYPE],
    [{ metrics: 'cpu' }, TYPE],
    [{ metrics: ['cpuu'] }, VALUE],
    [{ metrics: [1] }, TYPE],
    [{ metrics: Array.from({ length: 500 }, () => 'cpu') }, RANGE],
    [{ interval: 50 }, RANGE],
    [{ interval: '2h' }, RANGE],
    [{ interval: 'x' }, VALUE],
    [{ history: '1d' }, RANGE],
    [{ history: 0 }, RANGE],
    [{ guards: {} }, TYPE],
    [{ guards: [null] }, TYPE],
    [{ registry: {} }, TYPE],
    [{ registry: 'all' }, TYPE],
    [{ limiters: {} }, TYPE],
    [{ tickers: [{}] }, TYPE],
    [{ recording: {} }, TYPE],
    [{ recording: null }, TYPE],
    [{ commandLines: 'yes' }, TYPE],
    [{ maxClients: 0 }, RANGE],
    [{ maxClients: 1.5 }, RANGE],
    [{ maxClients: '5' }, TYPE],
    [{ signal: {} }, TYPE],
    ['x', TYPE],
    [null, TYPE],
  ])('refuses %j with %s', (options, code) => expect(codeOf(() => dashboard(options as never))).toBe(code))
})

describe('its methods', () => {
  let page: Dashboard
  beforeAll(() => void (page = dashboard({ metrics: [] })))
  afterAll(() => page.close())

  it.each([
    [{ host: 1 }, TYPE],
    [{ host: 'a b' }, VALUE],
    [{ host: '' }, VALUE],
    [{ host: 'http://x' }, VALUE],
    [{ port: -1 }, RANGE],
    [{ port: 65_536 }, RANGE],
    [{ port: '80' }, TYPE],
    [{ hosts: 5 }, TYPE],
    [{ hosts: ['*'] }, VALUE],
    [{ hosts: ['http://x'] }, VALUE],
    [{ hosts: [''] }, VALUE],
    [{ prot: 1 }, VALUE],
  ])('listen() refuses %j with %s', (options, code) => expect(codeOf(() => page.listen(options as never))).toBe(code))

  it('handler() needs hosts', () => {
    expect(codeOf(() => page.handler({} as never))).toBe(TYPE)
    expect(codeOf(() => page.handler({ hosts: [] }))).toBe(VALUE)
  })

  it('link() needs a place', () => {
    expect(codeOf(() => page.link())).toBe('ERR_INVALID_STATE')
    for (const base of ['x', 'ftp://x/', 'https://x/?a', 'https://x/#a'])
      expect(codeOf(() => page.link(base))).toBe(VALUE)
    expect(codeOf(() => page.link(5 as never))).toBe(TYPE)
    expect(page.link(new URL('https://x/y'))).toMatch(/^https:\/\/x\/y\/[\w-]{12}\/\?token=/)
  })

  it('listen() rejects with the error of the system, and may be called again', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as AddressInfo
    await expect(page.listen({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    taken.close()
    await page.listen({ host: 'localhost' })
    expect(codeOf(() => page.listen())).toBe('ERR_INVALID_STATE')
  })

  it('refuse once it is closed', async () => {
    const closed = dashboard({ metrics: [] })
    await closed.close()
    await closed.close()
    for (const call of [() => closed.listen(), () => closed.link('https://x'), () => closed.handler({ hosts: 'x' })]) {
      expect(codeOf(call)).toBe('ERR_INVALID_STATE')
    }
  })
})
