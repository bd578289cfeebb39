/** What a page gets: the history from before it was opened, changes, what it missed, and the end. */
import { EventEmitter, once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { dashboard, type Dashboard, type DashboardOptions } from '../../src/integrations/dashboard/index.js'
import { Client } from '../../src/integrations/dashboard/clients.js'
import { Feed } from '../../src/integrations/dashboard/feed.js'
import { parseDashboard } from '../../src/integrations/dashboard/options.js'
import { Cancelable, every, guard, limiter, run } from '../../src/index.js'
import { OperationRegistry } from '../../src/registry/index.js'
import { eventually } from '../helpers/eventually.js'
import { ask, enter, Events, type Entered, type PageEvent } from './helpers.js'

let page: Dashboard
afterEach(() => page?.close())

async function open(options: DashboardOptions = {}): Promise<Entered> {
  page = dashboard({ interval: 100, metrics: ['process.rss'], registry: null, guards: [], ...options })
  return enter(await page.listen())
}

/** Waits until something asked of the page holds. */
const until = (holds: () => Promise<boolean>): Promise<void> =>
  vi.waitFor(async () => expect(await holds()).toBe(true), { timeout: 20_000 })

/** A response that does not read while it is slow, until it drains. */
function slowResponse() {
  const response = Object.assign(new EventEmitter(), {
    text: '',
    isSlow: false,
    writableLength: 0,
    writeHead: () => undefined,
    write(text: string) {
      response.text += text
      return !response.isSlow
    },
    end: () => response.emit('close'),
    destroy: () => response.emit('close'),
  })
  return response
}

const isSample = ({ data }: PageEvent): boolean => data.time !== undefined

describe('the first event', () => {
  it('has everything, with samples from before the page was opened', async () => {
    page = dashboard({ interval: 100, metrics: ['process.rss', 'disk(/)'], guards: [], title: 'my app' })
    const address = await page.listen()
    await until(async () => {
      using events = await Events.open(await enter(page.link()))
      return (await events.next()).data.times.length > 3
    })
    using events = await Events.open(await enter(address))
    const { name, data } = await events.next()
    expect(name).toBe('state')
    expect(data).toMatchObject({
      more: false,
      missing: [],
      guards: [],
      breaches: [],
      commands: [],
      limiters: [],
      tickers: [],
      recording: null,
    })
    expect(data.about).toMatchObject({
      title: 'my app',
      pid: process.pid,
      interval: 100,
      samples: 3600,
      hasOperations: true,
    })
    expect(data.columns.map(({ text, unit }) => [text, unit])).toEqual([
      ['process.rss', 'bytes'],
      ['disk(/)', '%'],
    ])
    for (const { values } of data.columns) expect(values).toHaveLength(data.times.length)
    expect(data.columns[0]!.values.at(-1)).toBeGreaterThan(1e6)
  })

  it('names the metrics that this machine lacks, with the reason, and those that were asked for have it beside them', async () => {
    using events = await Events.open(
      await open({ metrics: ['temperature(no such zone)', { metric: 'process.rss', pid: 2 ** 31 - 1 }] }),
    )
    const { data } = await events.next()
    expect(data.columns.map(({ values }) => values.every((each) => each === null))).toEqual([true, true])
    expect(data.why[0]).toMatch(/no such|zone/)
    expect(data.why[1]).not.toBe('')
    await page.close()
    using others = await Events.open(await open({ metrics: undefined }))
    const { columns, missing } = (await others.next()).data
    expect(columns.length + missing.length).toBe(20)
    for (const { why } of missing) expect(why).not.toBe('')
  })

  it('is small, although a page shows all of the default', async () => {
    using events = await Events.open(await open({ metrics: undefined, registry: undefined, guards: undefined }))
    expect(JSON.stringify((await events.next()).data).length).toBeLessThan(20_000)
  })
})

describe('updates', () => {
  it('have the newest values, and other parts only if they have changed', async () => {
    using events = await Events.open(await open())
    const { data: state } = await events.next()
    const { data: first } = await events.next(isSample)
    expect(first.time).toBeGreaterThan(state.times.at(-1)!)
    expect(first.values).toEqual([expect.any(Number)])
    const { data: later } = await events.next(isSample)
    expect(
      Object.keys(later)
        .filter((key) => key !== 'cost')
        .toSorted(),
    ).toEqual(['now', 'time', 'values'])
  })

  it('go on where a page that connects again has stopped', async () => {
    const entered = await open()
    let last: PageEvent
    {
      using events = await Events.open(entered)
      await events.next(isSample)
      last = await events.next(isSample)
    }
    await until(async () => {
      using events = await Events.open(entered)
      return (await events.next()).data.times.at(-1)! > last.data.time! + 250
    })
    using events = await Events.open(entered, last.id)
    const { data } = await events.next()
    expect(data.more).toBe(true)
    expect(data.times[0]).toBeGreaterThan(last.data.time!)
    expect(data.times.length).toBeGreaterThan(1)
    expect(data.columns[0]!.values).toHaveLength(data.times.length)
  })

  it.each(['', 'x', 'other.1.2', '.1.2', 'NaN.NaN.NaN'])('begin anew for a page that has %j', async (id) => {
    using events = await Events.open(await open(), id)
    expect((await events.next()).data.more).toBe(false)
  })

  it('begin anew for an id of this page that cannot be', async () => {
    const entered = await open()
    using first = await Events.open(entered)
    const [id, version] = (await first.next()).id.split('.')
    for (const wrong of [`${id}.${version}.99999`, `${id}.${version}.-1`, `${id}.9.1`, `${id}.${version}.1.1`]) {
      using events = await Events.open(entered, wrong)
      expect((await events.next()).data.more).toBe(false)
    }
  })

  it('come with a history that is as long as the options say', async () => {
    using events = await Events.open(await open({ history: 300 }))
    await events.next(isSample)
    for (let i = 0; i < 4; i++) await events.next(isSample)
    using second = await Events.open(await enter(page.link()))
    expect((await second.next()).data.times).toHaveLength(3)
  })
})

describe('guards', () => {
  it('that are made later are shown, with their lines, and gone once closed', async () => {
    using events = await Events.open(await open({ guards: undefined }))
    await events.next()
    const made = guard(
      { 'process.rss': { above: '100TB', for: '2s' }, 'memory.available': { below: 1 } },
      { name: 'later' },
    )
    const { data } = await events.next(({ data: { guards } }) => guards?.some(({ name }) => name === 'later') ?? false)
    const view = data.guards.find(({ name }) => name === 'later')!
    expect(view).toMatchObject({ state: 'clear', dryRun: false, all: false, breaches: 0 })
    expect(view.rules).toEqual([
      { text: 'process.rss > 100TB for 2s', column: 0 },
      { text: 'memory.available < 1B', column: 1 },
    ])
    expect(data.lines[0]).toEqual([{ guard: 'later', direction: 'above', value: 1e14, text: '> 100TB for 2s' }])
    made.close()
    await events.next(({ data: { guards } }) => guards?.every(({ name }) => name !== 'later') ?? false)
  })

  it('report breaches with their evidence at once, and when they are over', async () => {
    let ready = true
    using watched = guard({ conditions: { database: { check: () => ready, interval: 20 } } }, { name: 'db' })
    using events = await Events.open(await open({ guards: watched }))
    expect((await events.next()).data.guards[0]!.rules).toEqual([{ text: 'database holds', column: null }])
    ready = false
    const { data } = await events.next(({ data: { breaches } }) => breaches?.length === 1)
    expect(data.breaches[0]).toMatchObject({
      guard: 'db',
      until: null,
      proofs: [{ text: 'database failed', unit: 'condition' }],
    })
    expect(Math.abs(data.breaches[0]!.at - data.now)).toBeLessThan(60_000)
    ready = true
    const over = await events.next(({ data: { breaches } }) => breaches?.[0]?.until != null)
    expect(over.data.breaches[0]!.until).toBeGreaterThanOrEqual(over.data.breaches[0]!.at)
  })

  it('that were breached before are listed, and a breach has values and its source', async () => {
    using watched = guard({ 'process.rss': { above: 1 } }, { name: 'rss' })
    await eventually(() => watched.isBreached)
    using events = await Events.open(await open({ guards: [watched, watched] }))
    const { guards, breaches } = (await events.next()).data
    expect(guards).toHaveLength(1)
    expect(guards[0]).toMatchObject({ state: 'breached', breaches: 1 })
    const [proof] = breaches[0]!.proofs
    expect(proof).toMatchObject({ metric: 'process.rss', unit: 'bytes', limit: 1 })
    expect(proof!.value).toBeGreaterThan(1e6)
    expect(proof!.origin).not.toBe('')
    expect(proof!.recent.length).toBeGreaterThan(0)
  })

  it('beyond the hundredth are left out, as are their metrics beyond the sixtieth', async () => {
    const many = Array.from({ length: 110 }, (_, i) =>
      guard({ 'process.rss': { above: '1TB', pid: i + 1, onMissing: 'ignore' } }),
    )
    using events = await Events.open(await open({ guards: many }))
    const { guards, columns } = (await events.next()).data
    expect([guards.length, columns.length]).toEqual([100, 60])
    expect(guards.filter(({ rules }) => rules[0]!.column === null)).toHaveLength(41)
    for (const each of many) each.close()
    await events.next(({ data }) => data.guards?.length === 0)
  })
})

describe('operations', () => {
  it('are listed as a tree, with their progress, and the ended ones with the reason', async () => {
    const registry = new OperationRegistry({ history: 10 })
    using events = await Events.open(await open({ registry }))
    expect((await events.next()).data.operations).toMatchObject({ list: [], active: 0, recent: [] })
    const parent = new Cancelable({ name: 'parent', register: registry, timeout: '1m' })
    const running = parent.run(async (cancel) => {
      await Cancelable.run(
        (child) => {
          child.reportProgress({ done: 1, total: 4, message: 'rows' })
          return child.sleep('1m')
        },
        { name: 'child', register: registry, parent: cancel },
      )
    })
    running.catch(() => undefined)
    const { data } = await events.next(({ data: each }) => each.operations?.list.length === 2)
    expect(data.operations!.list).toMatchObject([
      { name: 'parent', level: 1, status: 'running', fraction: null },
      { name: 'child', level: 2, status: 'running', progress: 'rows, 1 of 4', fraction: 0.25, reason: '' },
    ])
    expect(data.operations!.list[0]!.deadline! - data.operations!.list[0]!.startedAt!).toBe(60_000)
    parent.cancel('enough')
    const { data: after } = await events.next(({ data: each }) => each.operations?.active === 0)
    expect(
      after
        .operations!.recent.map(({ name, status, why }) => [name, status, why])
        .toSorted(([a], [b]) => (a! < b! ? -1 : 1)),
    ).toEqual([
      ['child', 'canceled', expect.stringContaining('enough')],
      ['parent', 'canceled', 'enough'],
    ])
  })

  it('beyond the five hundredth are counted', async () => {
    const registry = new OperationRegistry()
    const all = Array.from({ length: 600 }, (_, i) => new Cancelable({ name: `n${i}`, register: registry }))
    for (const each of all) each.enter()
    using events = await Events.open(await open({ registry }))
    const { operations } = (await events.next()).data
    expect([operations!.list.length, operations!.active]).toEqual([500, 600])
    for (const each of all) each[Symbol.dispose]()
  })

  it('of a registry that fails are left out, and the rest goes on', async () => {
    const registry = new OperationRegistry()
    registry.tree = () => {
      throw new Error('on purpose')
    }
    const warned = once(process, 'warning')
    using events = await Events.open(await open({ registry }))
    expect((await events.next()).data.operations).toBeNull()
    expect(String((await warned)[0])).toContain('on purpose')
    await events.next(isSample)
  })
})

describe('names from outside', () => {
  const WILD = '<img src=x onerror=alert(1)>\u001B[31m\u202E"\n\u0000'

  it('have no control characters, and are cut', async () => {
    const registry = new OperationRegistry()
    using operation = new Cancelable({ name: WILD, id: WILD, register: registry }).enter()
    using long = new Cancelable({ name: 'x'.repeat(1e6), register: registry }).enter()
    using watched = guard({ 'process.rss': '1TB' }, { name: WILD })
    using events = await Events.open(await open({ registry, guards: watched, title: WILD }))
    const { data } = await events.next()
    expect(operation.isCanceled || long.isCanceled).toBe(false)
    expect(JSON.stringify(data).length).toBeLessThan(10_000)
    const shown = String.raw`<img src=x onerror=alert(1)>\u001b[31m\u202e"\n\u0000`
    const [first, second] = data.operations!.list
    expect([data.about.title, data.guards[0]!.name, first!.name, first!.id]).toEqual([shown, shown, shown, shown])
    expect(second!.name).toHaveLength(200)
  })
})

describe('commands', () => {
  it.skipIf(process.platform !== 'linux')(
    'are shown without their arguments, with what their processes use, until they end',
    async () => {
      const token = new AbortController()
      const entered = await open()
      const running = run('sh', ['-c', 'sleep 100; true', 'secret'], { signal: token.signal })
      using events = await Events.open(entered)
      const { data } = await events.next(({ data: each }) => each.commands?.[0]?.tree.length === 2)
      expect(data.commands).toMatchObject([
        {
          name: 'sh',
          paused: false,
          why: '',
          tree: [
            { name: 'sh', level: 1 },
            { name: 'sleep', level: 2 },
          ],
        },
      ])
      expect(JSON.stringify(data)).not.toContain('secret')
      await events.next(({ data: each }) => (each.commands?.[0]?.memory ?? 0) > 0)
      token.abort()
      await running
      await events.next(({ data: each }) => each.commands?.length === 0)
    },
  )

  it.skipIf(process.platform !== 'linux')('have their arguments where that was asked for', async () => {
    const entered = await open({ commandLines: true })
    const running = run('sh', ['-c', 'sleep 100; true', 'secret'], { timeout: '1m' })
    using events = await Events.open(entered)
    const { data } = await events.next(({ data: each }) => each.commands?.[0]?.tree.length === 2)
    expect(data.commands[0]!.line).toBe('sh -c sleep 100; true secret')
    expect(data.commands[0]!.tree[1]!.line).toBe('sleep 100')
    process.kill(data.commands[0]!.pid, 'SIGKILL')
    await running
  })
})

describe('limiters and tickers', () => {
  it('are shown as they are', async () => {
    await using limits = limiter({ min: 1, max: 3, resources: { memory: 99.9 }, name: 'imports' })
    await using ticker = every({ hz: 20 }, () => undefined, { name: 'beat' })
    using events = await Events.open(await open({ limiters: limits, tickers: [ticker] }))
    const { data } = await events.next()
    expect(data.limiters).toMatchObject([{ name: 'imports', min: 1, max: 3, active: 0, waiting: 0, closed: false }])
    expect(data.tickers).toMatchObject([{ name: 'beat', state: 'running', period: 50 }])
    await events.next(({ data: each }) => (each.tickers?.[0]?.ticks ?? 0) > 2)
  })
})

describe('pages', () => {
  it('that did not read while something changed get everything once they do', async () => {
    const settings = parseDashboard({ interval: 1000, metrics: ['process.rss'], registry: null }, undefined)
    using feed = new Feed(settings, 'id')
    const response = slowResponse()
    feed.follow(response as never, '')
    response.isSlow = true
    await eventually(() => response.text.includes('event: update'))
    // Reported between two samples, and read again before the second one.
    using memory = guard({ 'process.rss': '1B' }, { name: 'ram' })
    await eventually(() => memory.isBreached)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(response.text).not.toContain('"ram"')
    const missed = response.text.length
    response.isSlow = false
    response.emit('drain')
    await eventually(() => response.text.length > missed)
    expect(response.text.slice(missed)).toMatch(/^id: [^\n]*\nevent: state\n[^]*"ram"/)
  })

  it('are as many as the options say; one more is refused, until another one has gone', async () => {
    const entered = await open({ maxClients: 2 })
    const first = await Events.open(entered)
    using second = await Events.open(entered)
    await second.next()
    expect(await ask(`${entered.base}events`, entered)).toMatchObject({ status: 503, code: 'too-many-pages' })
    first[Symbol.dispose]()
    await until(async () => {
      const third = await Events.open(entered).catch(() => undefined)
      third?.[Symbol.dispose]()
      return third !== undefined
    })
  })

  it('get the end when it is closed, and nothing listens any more', async () => {
    const entered = await open()
    using events = await Events.open(entered)
    await events.next()
    const closing = page.close()
    expect((await events.next(({ name }) => name === 'end')).name).toBe('end')
    await closing
    await expect(ask(entered.base, entered)).rejects.toThrow('ECONNREFUSED')
  })

  it('that do not read do not hold up the end', async () => {
    const entered = await open({ metrics: undefined })
    const { hostname, port, pathname } = new URL(entered.base)
    const socket = connect(Number(port), hostname, () => {
      socket.pause()
      socket.write(`GET ${pathname}events HTTP/1.1\r\nHost: localhost\r\nCookie: ${entered.headers.cookie}\r\n\r\n`)
    })
    socket.on('error', () => undefined)
    using events = await Events.open(entered)
    await events.next(isSample)
    await page.close()
    expect(page.closed).toBe(true)
    socket.destroy()
  })

  it('that do not read are dropped when too much waits for them', () => {
    const response = {
      writableLength: 0,
      isDestroyed: false,
      writeHead: () => undefined,
      on: () => undefined,
      write(text: string) {
        this.writableLength += text.length
        return false
      },
      destroy() {
        this.isDestroyed = true
      },
    }
    const client = new Client(response as never, undefined)
    expect(client.isReady).toBe(false)
    for (let i = 0; i < 20 && !response.isDestroyed; i++)
      client.send('x'.repeat(100_000), '1', { count: i, version: 0 })
    expect(response.isDestroyed).toBe(true)
    expect(response.writableLength).toBeLessThan(2 ** 20 + 200_000)
  })

  it('that vanish leave nothing behind', async () => {
    const entered = await open({ maxClients: 1 })
    for (let i = 0; i < 5; i++) {
      const sent = request(`${entered.base}events`, { headers: entered.headers, agent: false }).end()
      const [response] = (await once(sent, 'response')) as [{ statusCode: number }]
      expect(response.statusCode).toBe(200)
      sent.on('error', () => undefined).destroy()
      await until(async () => (await ask(`${entered.base}events`, { method: 'HEAD', ...entered })).status === 200)
    }
  })
})

describe('the end', () => {
  it('comes with a signal, before and after', async () => {
    const controller = new AbortController()
    const entered = await open({ signal: controller.signal })
    using events = await Events.open(entered)
    controller.abort()
    await events.next(({ name }) => name === 'end')
    expect(page.closed).toBe(true)
    using early = { [Symbol.dispose]: () => undefined, page: dashboard({ signal: AbortSignal.abort() }) }
    expect(early.page.closed).toBe(true)
  })

  it('releases all metrics and guards: nothing is sampled any more', async () => {
    using watched = guard({ conditions: { always: () => true } })
    await open({ guards: watched, metrics: ['load', 'disk(/)'] })
    await page.close()
    const { readValues } = await import('../../src/addon/sampler.js')
    expect(readValues().series.map(({ key }) => key.metric)).not.toContain('load')
  })
})
