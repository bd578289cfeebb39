/** What deploys, restarts, subflows and disabled nodes do to the nodes, in a real Node-RED. */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { MB, Runtime } from './runtime.js'
import { installNodeRed, INSTALL_MS, makeUserDir, type UserDir } from './setup.js'

interface Seen {
  readonly received: readonly { readonly topic?: string; readonly payload: unknown }[]
  readonly status: string
}

const TIMEOUT_MS = 120_000

let folder: UserDir
let runtime: Runtime

beforeAll(installNodeRed, INSTALL_MS)
beforeEach(async () => {
  folder = makeUserDir()
  runtime = new Runtime(folder.folder)
  await runtime.start()
}, TIMEOUT_MS)
afterEach(async () => {
  await runtime.stop()
  folder[Symbol.dispose]()
})

const tab = (id: string, more: object = {}) => ({ id, type: 'tab', label: id, ...more })
/** Without a place, Node-RED takes a node for one of configuration. */
const AT = { x: 100, y: 100 }
const debug = (id: string, z = 'flow') => ({
  ...AT,
  id,
  type: 'debug',
  z,
  active: false,
  complete: 'payload',
  wires: [],
})
const flow = (...more: object[]) => [tab('flow'), tab('other'), debug('passed'), debug('events'), ...more]
/** A guard that is always breached, as Node-RED uses more than 1 MB. */
const guard = (more: object = {}) => ({
  ...AT,
  id: 'guard',
  type: 'tripline-guard',
  z: 'flow',
  limits: [{ metric: 'process.rss', direction: 'above', value: '1MB' }],
  rate: '1000',
  capacity: '3',
  wires: [['passed'], ['events']],
  ...more,
})
/** An instance of the subflow `sub`. */
const instance = (id: string, line: string) => ({
  ...AT,
  id,
  type: 'subflow:sub',
  z: 'flow',
  env: [
    { name: 'LINE', value: line, type: 'str' },
    { name: 'QUEUE', value: '2', type: 'str' },
  ],
  wires: [['passed']],
})
const NEVER = { limits: [{ metric: 'process.rss', direction: 'above', value: '100TB' }] }
const messages = (...payloads: unknown[]) => payloads.map((payload) => ({ payload }))

const seen = (id: string) => runtime.ask<Seen>('seen', id)
const send = (id: string, list: readonly object[]) => runtime.ask('send', { id, messages: list })
const payloadsOf = async (id: string) => (await seen(id)).received.map(({ payload }) => payload)
const untilStatus = (id: string, expected: RegExp) =>
  expect.poll(async () => (await seen(id)).status, { timeout: 20_000 }).toMatch(expected)
const untilPassed = (count: number) =>
  expect.poll(async () => (await payloadsOf('passed')).length, { timeout: 20_000 }).toBe(count)
const series = async () => (await runtime.ask<{ series: number }>('count')).series

describe('a deploy', () => {
  it('of other nodes or flows leaves a guard and what it holds alone', async () => {
    await runtime.deploy(flow(guard()))
    await untilStatus('guard', /^process\.rss /)
    await send('guard', messages(1, 2, 3, 4))
    await untilStatus('guard', /, 3 held, 1 dropped$/)
    await runtime.deploy(flow(guard(), debug('more')), 'nodes')
    await runtime.deploy(flow(guard(), debug('more'), debug('again', 'other')), 'flows')
    await send('guard', messages(5))
    await untilStatus('guard', /, 3 held, 2 dropped$/)
  })

  it.each(['nodes', 'flows', 'full'] as const)('of kind %s with the guard in it drops what it holds', async (type) => {
    await runtime.deploy(flow(guard()))
    await untilStatus('guard', /^process\.rss /)
    await send('guard', messages(1, 2))
    await untilStatus('guard', /, 2 held$/)
    await runtime.deploy(flow(guard(NEVER)), type)
    await untilStatus('guard', /^clear$/)
    await send('guard', messages(3))
    await untilPassed(1)
    expect(await payloadsOf('passed')).toEqual([3])
  })

  it('without the node watches nothing any more', async () => {
    await runtime.deploy(flow(guard()))
    await expect.poll(series).toBe(1)
    await runtime.deploy(flow(), 'nodes')
    await expect.poll(series, { timeout: 20_000 }).toBe(0)
  })

  it('with a disabled node or flow watches nothing', async () => {
    await runtime.deploy([
      ...flow(guard({ d: true })),
      guard({ id: 'second', z: 'off' }),
      tab('off', { disabled: true }),
    ])
    await runtime.deploy(flow(guard({ d: true }), debug('more')), 'nodes')
    expect(await series()).toBe(0)
    expect((await seen('guard')).status).toBe('')
  })
})

describe('in a flow', () => {
  it('messages come out in order after a real breach, however many come meanwhile', async () => {
    const line = Math.round((await runtime.ask<number>('rss')) / MB) + 150
    const limits = [{ metric: 'process.rss', direction: 'above', value: `${line}MB`, clear: `${line - 50}MB` }]
    await runtime.deploy([
      tab('flow'),
      guard({ limits, capacity: '100000', rate: '20' }),
      debug('passed'),
      debug('events'),
    ])
    await untilStatus('guard', /^clear$/)
    const all = Array.from({ length: 30_000 }, (_, index) => index)
    await send('guard', messages(...all.slice(0, 10_000)))
    await runtime.ask('take', 300 * MB)
    await untilStatus('guard', /^process\.rss /)
    await send('guard', messages(...all.slice(10_000, 20_000)))
    await untilStatus('guard', /, 10000 held$/)
    await runtime.ask('free')
    await untilStatus('guard', /^clear, releasing, \d+ held$/)
    // At 20 per second alone, the queue would last for minutes. These leave it as long as it is.
    await send('guard', messages(...all.slice(20_000)))
    await expect.poll(async () => (await payloadsOf('passed')).length, { timeout: 20_000 }).toBeGreaterThan(20_000)
    const passed = await payloadsOf('passed')
    expect(passed).toEqual(all.slice(0, passed.length))
    const events = (await seen('events')).received
    expect(events.map(({ topic }) => topic)).toEqual(['breach', 'clear'])
    expect(events[1]).toMatchObject({ payload: { event: 'clear', held: 10_000, dropped: 0 } })
  })

  it('each instance of a subflow has a guard of its own, whose fields may be variables of the environment', async () => {
    const inside = {
      ...guard({ z: 'sub', limits: [{ metric: 'process.rss', direction: 'above', value: '${LINE}' }] }),
      capacity: '${QUEUE}',
      wires: [[], []],
    }
    await runtime.deploy([
      {
        id: 'sub',
        type: 'subflow',
        name: 'guarded',
        in: [{ wires: [{ id: 'guard' }] }],
        out: [{ wires: [{ id: 'guard', port: 0 }] }],
      },
      inside,
      tab('flow'),
      instance('low', '1MB'),
      instance('high', '100TB'),
      debug('passed'),
    ])
    await expect.poll(series).toBe(1)
    await send('low', messages('low'))
    await send('high', messages('high'))
    await untilPassed(1)
    expect(await payloadsOf('passed')).toEqual(['high'])
  })
})

describe('a restart', () => {
  it('begins with empty queues and the same guards', async () => {
    await runtime.deploy([tab('flow'), guard(), debug('passed'), debug('events')])
    await untilStatus('guard', /^process\.rss /)
    await send('guard', messages(1, 2))
    await untilStatus('guard', /, 2 held$/)
    await runtime.stop()
    expect(runtime.output).not.toMatch(/uncaught|unhandled/i)
    runtime = new Runtime(folder.folder)
    await runtime.start()
    await untilStatus('guard', /^process\.rss /)
    await send('guard', messages(3))
    await untilStatus('guard', /, 1 held$/)
    expect((await seen('events')).received).toMatchObject([{ topic: 'breach' }])
  })

  it('ends the commands of run nodes, and starts none meanwhile', async () => {
    const script =
      "console.log(String(process.pid)); process.on('SIGTERM', () => {}); setInterval(() => undefined, 1000)"
    const args = ['-e', script].map((value) => ({ type: 'str', value }))
    const run = {
      ...AT,
      id: 'run',
      type: 'tripline-run',
      z: 'flow',
      command: process.execPath,
      args,
      killAfter: '500ms',
    }
    await runtime.deploy([tab('flow'), { ...run, wires: [['passed'], [], []] }, debug('passed')])
    await send('run', messages(1))
    await untilPassed(1)
    const [pid] = await payloadsOf('passed')
    await runtime.stop()
    expect(() => process.kill(Number(pid), 0)).toThrow(/ESRCH/)
  })
})
