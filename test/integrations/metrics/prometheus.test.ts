/** `tripline/prometheus`: text that promtool accepts, and the same in a real registry of prom-client. */
import { spawnSync } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Registry, collectDefaultMetrics, Gauge, register as defaultRegistry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { Cancelable, guard, limiter, type MetricsOptions } from '../../../src/index.js'
import { prometheusMetrics } from '../../../src/integrations/prometheus/index.js'
import { OperationRegistry } from '../../../src/registry/index.js'
import { fakeBreach } from '../../../src/testing/index.js'
import { eventually } from '../../helpers/eventually.js'
import { thrown } from '../../cancelable/helpers.js'
import { PACKAGE, runModule } from '../../helpers/child.js'
import { heapInUse, runWithoutPeers } from './helpers.js'

/** The values of a text by their names and labels. */
function parse(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]))
}

function promtool(text: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
  return { status, output: stdout + stderr }
}

describe('the text', () => {
  it('has base units, and promtool has nothing to say about it', async () => {
    using memory = guard({ memory: '90%', 'disk.free': { below: '1GB', path: '/' } }, { name: 'machine' })
    await using limit = limiter({ max: 8, resources: memory, name: 'jobs' })
    const registry = new OperationRegistry()
    using metrics = prometheusMetrics({ guards: memory, limiters: [limit], registry })
    await metrics.ready
    await eventually(() => metrics.text().includes('tripline_event_loop_delay_p99_seconds'))
    const text = metrics.text()
    expect(promtool(text)).toEqual({ status: 0, output: '' })
    const values = parse(text)
    const ratio = values.get('tripline_memory_ratio')!
    expect(ratio).toBeGreaterThan(0)
    expect(ratio).toBeLessThanOrEqual(1)
    expect(values.get('tripline_process_rss_bytes')).toBeGreaterThan(1e7)
    expect(values.get('tripline_process_cpu_time_seconds_total')).toBeCloseTo(process.cpuUsage().user / 1e6, -1)
    expect(values.get('tripline_event_loop_delay_max_seconds')).toBeLessThan(60)
    expect(values.get('tripline_memory_limit_ratio{guard="machine",direction="above"}')).toBe(0.9)
    expect(values.get('tripline_disk_free_limit_bytes{guard="machine",direction="below",path="/"}')).toBe(1e9)
    expect(values.get('tripline_limiter_limit{limiter="jobs"}')).toBe(1)
    expect(values.get('tripline_operations{status="running"}')).toBe(0)
  })

  it('has every metric that there is, in terms that promtool accepts', async () => {
    const { METRIC_NAMES } = await import('../../../src/addon/metrics.js')
    using metrics = prometheusMetrics({ metrics: METRIC_NAMES, loopDelays: false })
    await metrics.ready
    expect(promtool(metrics.text())).toEqual({ status: 0, output: '' })
    expect(metrics.text().match(/^tripline_metric_up\{/gm)).toHaveLength(METRIC_NAMES.length)
  })

  it('leaves out what is missing, and says so; it is never 0', async () => {
    using metrics = prometheusMetrics({
      metrics: ['memory', { metric: 'process.rss', pid: 2 ** 22 + 1 }, 'network.rx(no-such-interface)'],
      loopDelays: false,
    })
    await metrics.ready
    const values = parse(metrics.text())
    expect([...values.keys()].filter((name) => /rss|network/.test(name) && !name.includes('up{'))).toEqual([])
    expect(values.get('tripline_metric_up{metric="memory"}')).toBe(1)
    expect(values.get(`tripline_metric_up{metric="process.rss",pid="${2 ** 22 + 1}"}`)).toBe(0)
    expect(values.get('tripline_metric_up{metric="network.rx",interface="no-such-interface"}')).toBe(0)
  })

  it('escapes what comes from outside', () => {
    const name = 'a "b"\\c\nd{} \ud800\r'
    using load = guard({ load: 1e6 }, { name })
    using metrics = prometheusMetrics({ guards: load, metrics: ['disk(/)', 'disk(/)'], loopDelays: false })
    const text = metrics.text()
    expect(text).toContain(String.raw`tripline_guard_breaches_total{guard="a \"b\"\\c\nd{} ` + '\ufffd\r"} 0\n')
    expect(promtool(text)).toEqual({ status: 0, output: '' })
  })

  it('shows the state of a guard, its breaches, and cancelations by their reason', async () => {
    using memory = guard({ memory: '99%' }, { name: 'memory' })
    using metrics = prometheusMetrics({ guards: memory, metrics: [], loopDelays: false })
    const before = parse(metrics.text())
    expect(before.get('tripline_guard_state{guard="memory",state="clear"}')).toBe(1)
    expect(before.get('tripline_operations_canceled_total{kind="resource"}')).toBe(0)
    const run = Cancelable.run((cancel) => cancel.sleep('1m'), { resources: memory })
    using _breach = fakeBreach(memory, 'memory', '99.5%')
    await expect(run).rejects.toThrow(/memory/)
    const after = parse(metrics.text())
    expect(after.get('tripline_guard_state{guard="memory",state="clear"}')).toBe(0)
    expect(after.get('tripline_guard_state{guard="memory",state="breached"}')).toBe(1)
    expect(after.get('tripline_guard_breaches_total{guard="memory"}')).toBe(1)
    expect(after.get('tripline_operations_canceled_total{kind="resource"}')).toBe(1)
    memory.close()
    expect(metrics.text()).toContain('tripline_guard_state{guard="memory",state="breached"} 0\n')
    expect(metrics.text()).not.toContain('tripline_memory_limit_ratio')
    expect(parse(metrics.text()).get('tripline_guard_breaches_total{guard="memory"}')).toBe(1)
  })
})

describe('the handler', () => {
  it('answers GET and HEAD, refuses other methods, and everything once it is closed', async () => {
    using metrics = prometheusMetrics({ metrics: ['memory'], loopDelays: false })
    const server: Server = createServer(metrics.handler()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`
    const answer = await fetch(url)
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(await answer.text()).toContain('# TYPE tripline_metric_up gauge\n')
    expect(await (await fetch(url, { method: 'HEAD' })).text()).toBe('')
    const refused = await fetch(url, { method: 'POST', body: 'x'.repeat(1e5) })
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    metrics.close()
    expect((await fetch(url)).status).toBe(503)
    server.close()
    server.closeAllConnections()
  })
})

describe('series', () => {
  it('are distinct, also those of two limits that differ only in their size', () => {
    using memory = guard({ memory: [{ above: 90 }, { above: 95, for: '5s' }] }, { name: 'memory' })
    using metrics = prometheusMetrics({ metrics: [], guards: memory, loopDelays: false })
    const text = metrics.text()
    expect(promtool(text)).toEqual({ status: 0, output: '' })
    const lines = text.split('\n').filter((line) => line.startsWith('tripline_memory_limit_ratio{'))
    expect(lines).toEqual([
      'tripline_memory_limit_ratio{guard="memory",direction="above"} 0.9',
      'tripline_memory_limit_ratio{guard="memory",direction="above",number="2"} 0.95',
    ])
  })

  it('of a registry that fails are left out, and the rest of the scrape is not lost', async () => {
    const reported: unknown[] = []
    const listener = (message: unknown): unknown => reported.push((message as { origin: unknown }).origin)
    subscribe('tripline:error', listener)
    let result: object | undefined
    const statistics = (): never => {
      if (result === undefined) throw new Error('mine')
      return result as never
    }
    using metrics = prometheusMetrics({ metrics: [], registry: { statistics } })
    const registry = new Registry()
    metrics.register(registry)
    expect(metrics.text()).toContain('tripline_operations_abandoned_total 0')
    expect(await registry.metrics()).toContain('tripline_operations_abandoned_total 0')
    unsubscribe('tripline:error', listener)
    expect(reported).toEqual(['registry', 'registry', 'registry', 'registry'])
    result = { byStatus: { running: 2, odd: 'x', less: -1, no: NaN }, ended: { total: 3, completed: 3 } }
    const values = [...parse(metrics.text())].filter(([name]) => /^tripline_operations(?:_ended_total)?\{/.test(name))
    expect(values).toEqual([
      ['tripline_operations{status="running"}', 2],
      ['tripline_operations_ended_total{status="completed"}', 3],
    ])
  })

  it('can be waited for where nothing else keeps the process alive', async () => {
    const { code, stdout } = await runModule(`
      import { prometheusMetrics } from ${JSON.stringify(PACKAGE.replace('index.js', 'prometheus.js'))}
      const metrics = prometheusMetrics({ metrics: ['process.cpu'], loopDelays: false })
      await metrics.ready
      console.log(/^tripline_process_cpu_ratio /m.test(metrics.text()))`)
    expect([code, stdout]).toEqual([0, 'true\n'])
  })
})

describe('a registry of prom-client', () => {
  const options: MetricsOptions = {
    metrics: ['memory', 'process.cpuTime', 'temperature(no-such-zone)'],
    loopDelays: false,
  }

  it('has them beside the default metrics, with the same values as the text', async () => {
    const registry = new Registry()
    collectDefaultMetrics({ register: registry })
    using metrics = prometheusMetrics(options).register(registry)
    await metrics.ready
    const text = await registry.metrics()
    const values = parse(text)
    expect([...values.keys()].some((name) => name.startsWith('nodejs_version_info{'))).toBe(true)
    expect([...parse(metrics.text()).keys()].filter((name) => !values.has(name))).toEqual([])
    expect([...values.keys()].filter((name) => name.startsWith('tripline_temperature'))).toEqual([])
    expect(values.get('tripline_operations_abandoned_total')).toBe(Cancelable.abandoned.total)
    // prom-client's own names are not all as promtool wants them.
    expect(
      promtool(text)
        .output.split('\n')
        .filter((line) => line.includes('tripline')),
    ).toEqual([])
    registry.clear()
  })

  it('forgets a value that goes missing', async () => {
    using load = guard({ load: 1e6 }, { name: 'load' })
    const registry = new Registry()
    using _metrics = prometheusMetrics({ ...options, guards: load }).register(registry)
    expect(await registry.metrics()).toContain('tripline_load_limit_per_cpu{guard="load",direction="above"} 1000000')
    load.close()
    expect(await registry.metrics()).not.toContain('tripline_load_limit_per_cpu{')
  })

  it('refuses a second registration with the name, adds nothing then, and is left as it was by close', async () => {
    const registry = new Registry()
    const own = new Gauge({ name: 'tripline_operations_abandoned_running', help: 'Not ours.', registers: [registry] })
    using metrics = prometheusMetrics(options)
    const error = thrown(() => metrics.register(registry))
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    expect((error as Error).message).toContain('one without a metric tripline_operations_abandoned_running')
    expect(registry.getMetricsAsArray()).toHaveLength(1)
    registry.removeSingleMetric('tripline_operations_abandoned_running')
    metrics.register(registry)
    expect(thrown(() => metrics.register(registry))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    using second = prometheusMetrics(options)
    expect(thrown(() => second.register(registry))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    // Another registry is another matter.
    const other = new Registry()
    second.register(other)
    expect(await other.metrics()).toContain('tripline_metric_up')
    registry.removeSingleMetric('tripline_operations_abandoned_running')
    registry.registerMetric(own)
    metrics.close()
    expect(registry.getMetricsAsArray()).toHaveLength(1)
    expect(other.getMetricsAsArray().length).toBeGreaterThan(1)
  })

  it('is the default one if none is given', () => {
    const metrics = prometheusMetrics(options).register()
    expect(defaultRegistry.getSingleMetric('tripline_memory_ratio')).toBeDefined()
    metrics.close()
    expect(defaultRegistry.getMetricsAsArray()).toEqual([])
  })
})

describe('10,000 scrapes', () => {
  it('leave nothing behind', async () => {
    using memory = guard({ memory: '99%' })
    const registry = new Registry()
    using metrics = prometheusMetrics({ guards: memory, loopDelays: false }).register(registry)
    await metrics.ready
    const scrape = async (times: number): Promise<number> => {
      for (let each = 0; each < times; each++) {
        metrics.text()
        if (each % 10 === 0) await registry.metrics()
      }
      return heapInUse()
    }
    const before = await scrape(1000)
    expect((await scrape(10_000)) - before).toBeLessThan(500_000)
  })
})

describe('bad input', () => {
  const memory = guard({ memory: '99%' }, { name: 'twice' })
  const lone = ['\ud800', '\ud801'].map((name) => guard({ memory: '99%' }, { name }))
  const refused: [what: string, options: unknown, message: RegExp][] = [
    ['an unknown option', { metric: ['cpu'] }, /Did you mean 'metrics'/],
    ['an unknown metric', { metrics: ['cpuu'] }, /Did you mean 'cpu'/],
    ['one metric without an array', { metrics: 'cpu' }, /"metrics" option must be an array/],
    ['no guard', { guards: { memory: 90 } }, /"guards" option must be a guard/],
    ['guards with one name', { guards: [memory, memory] }, /"guards" option must be members with distinct names/],
    [
      'guards with names that are equal as UTF-8',
      { guards: lone },
      /"guards" option must be members with distinct names/,
    ],
    ['no limiter', { limiters: [1] }, /"limiters" option must be a limiter/],
    ['no registry', { registry: {} }, /"registry" option must be an OperationRegistry/],
    ['an interval of 0', { interval: 0 }, /"interval"/],
    ['loopDelays 1', { loopDelays: 1 }, /"loopDelays" option must be true or false/],
  ]
  it.each(refused)('%s is refused', (_, options, message) => {
    const error = thrown(() => prometheusMetrics(options as MetricsOptions)) as Error & { code: string }
    expect(error.code).toMatch(/^ERR_(INVALID_ARG|OUT_OF_RANGE)/)
    expect(error.message).toMatch(message)
  })

  it('as a registry is refused, and so is everything after the end', () => {
    const metrics = prometheusMetrics({ metrics: [], loopDelays: false })
    expect(thrown(() => metrics.register({} as Registry))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    metrics.close()
    metrics.close()
    expect(thrown(() => metrics.text())).toMatchObject({ code: 'ERR_INVALID_STATE' })
    expect(thrown(() => metrics.register(new Registry()))).toMatchObject({ code: 'ERR_INVALID_STATE' })
  })
})

describe('without prom-client', () => {
  it('there is the text, and one error that names the package', () => {
    const output = runWithoutPeers(`
      import { prometheusMetrics } from 'tripline/prometheus'
      const metrics = prometheusMetrics({ metrics: [], loopDelays: false })
      console.log(metrics.text().includes('tripline_operations_abandoned_total 0'))
      try { metrics.register() } catch ({ code, peer, message }) { console.log(code, peer, message) }
    `)
    expect(output).toBe(
      "true\nERR_TRIPLINE_PEER_MISSING prom-client 'tripline/prometheus' needs the package 'prom-client', which is not " +
        'installed: npm install prom-client\n',
    )
  })
})
