/** `tripline/opentelemetry`: exported by the real SDK, as JSON, to an OTLP endpoint that is the test. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { metrics as api } from '@opentelemetry/api'
import { AggregationTemporalityPreference, OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { describe, expect, it } from 'vitest'
import { Cancelable, guard, limiter, monitor } from '../../../src/index.js'
import { openTelemetryMetrics, type OpenTelemetryOptions } from '../../../src/integrations/opentelemetry/index.js'
import { OperationRegistry } from '../../../src/registry/index.js'
import { eventually } from '../../helpers/eventually.js'
import { thrown } from '../../cancelable/helpers.js'
import { heapInUse, runWithoutPeers } from './helpers.js'

interface Point {
  readonly attributes?: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[]
  readonly asDouble?: number
  readonly asInt?: number | string
}
interface Metric {
  readonly name: string
  readonly unit: string
  readonly description: string
  readonly gauge?: { readonly dataPoints: readonly Point[] }
  readonly sum?: { readonly dataPoints: readonly Point[]; readonly isMonotonic: boolean }
}

/** A server that takes what is exported, and a provider that exports to it. */
async function startBackend(
  temporalityPreference: AggregationTemporalityPreference = AggregationTemporalityPreference.CUMULATIVE,
): Promise<
  AsyncDisposable & { readonly meterProvider: MeterProvider; readonly exported: () => Promise<Map<string, Metric>> }
> {
  let latest: unknown
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      latest = JSON.parse(Buffer.concat(chunks).toString('utf8'))
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/metrics`
  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter({ url, temporalityPreference }),
    exportIntervalMillis: 3_600_000,
  })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const exported = async (): Promise<Map<string, Metric>> => {
    latest = undefined
    await meterProvider.forceFlush()
    const { resourceMetrics = [] } = (latest ?? {}) as {
      resourceMetrics?: { scopeMetrics: { scope: { name: string }; metrics: Metric[] }[] }[]
    }
    const scopes = resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics)
    const own = scopes.filter(({ scope }) => scope.name === 'tripline').flatMap((each) => each.metrics)
    return new Map(own.map((each) => [each.name, each]))
  }
  return {
    meterProvider,
    exported,
    async [Symbol.asyncDispose]() {
      await meterProvider.shutdown()
      server.close()
      server.closeAllConnections()
    },
  }
}

const pointsOf = (metric: Metric | undefined): readonly Point[] => (metric?.gauge ?? metric?.sum)?.dataPoints ?? []

const byKey = (entries: [string, string][]): [string, string][] => entries.toSorted(([a], [b]) => (a < b ? -1 : 1))

/** The value of the point with these attributes. */
function valueOf(metric: Metric | undefined, attributes: Record<string, string> = {}): number | undefined {
  const wanted = JSON.stringify(byKey(Object.entries(attributes)))
  const point = pointsOf(metric).find((each) => {
    const own = (each.attributes ?? []).map(({ key, value }): [string, string] => [key, value.stringValue ?? ''])
    return JSON.stringify(byKey(own)) === wanted
  })
  return point === undefined ? undefined : Number(point.asDouble ?? point.asInt)
}

describe('the export', () => {
  it('has base units, and names of the conventions where they mean the same', async () => {
    await using backend = await startBackend()
    using memory = guard({ memory: '90%', 'disk.free': { below: '1GB', path: '/' } }, { name: 'machine' })
    await using limit = limiter({ max: 8, resources: memory, name: 'jobs' })
    using metrics = openTelemetryMetrics({
      meterProvider: backend.meterProvider,
      metrics: [
        'memory',
        'process.rss',
        { metric: 'process.rss', tree: true },
        'process.threads',
        'process.cpuTime',
        'disk(/)',
      ],
      guards: memory,
      limiters: limit,
      registry: new OperationRegistry(),
      loopDelays: false,
    })
    await metrics.ready
    await Cancelable.run((cancel) => cancel.sleep('1m'), { timeout: 1 }).catch(() => undefined)
    const exported = await backend.exported()
    expect(exported.get('tripline.memory')).toMatchObject({
      unit: '1',
      description: expect.stringMatching(/\.$/) as string,
    })
    expect(valueOf(exported.get('tripline.memory'))).toBeLessThanOrEqual(1)
    expect(exported.get('process.memory.usage')).toMatchObject({ unit: 'By', sum: { isMonotonic: false } })
    expect(valueOf(exported.get('process.memory.usage'))).toBeGreaterThan(1e7)
    expect(exported.get('process.thread.count')).toMatchObject({ unit: '{thread}' })
    // The tree is not this process.
    expect(valueOf(exported.get('tripline.process.rss'), { 'tripline.tree': 'true' })).toBeGreaterThan(1e7)
    expect(valueOf(exported.get('tripline.process.rss'))).toBeUndefined()
    expect(exported.get('tripline.process.cpu_time')).toMatchObject({ unit: 's', sum: { isMonotonic: true } })
    expect(valueOf(exported.get('tripline.disk'), { 'tripline.path': '/' })).toBeGreaterThan(0)
    const guardState = { 'tripline.guard': 'machine', 'tripline.state': 'clear' }
    expect(valueOf(exported.get('tripline.guard.state'), guardState)).toBe(1)
    const line = { 'tripline.guard': 'machine', 'tripline.direction': 'above' }
    expect(valueOf(exported.get('tripline.memory.limit'), line)).toBe(0.9)
    expect(valueOf(exported.get('tripline.limiter.limit'), { 'tripline.limiter': 'jobs' })).toBe(1)
    expect(valueOf(exported.get('tripline.operations.canceled'), { 'tripline.kind': 'timeout' })).toBe(1)
    expect([...exported.keys()].filter((name) => !/^(?:tripline|process|nodejs)\./.test(name))).toEqual([])
  })

  it('leaves out what is missing, and has nothing once it is closed', async () => {
    // With cumulative temporality, this SDK goes on to export what was observed last.
    await using backend = await startBackend(AggregationTemporalityPreference.DELTA)
    using metrics = openTelemetryMetrics({
      meterProvider: backend.meterProvider,
      metrics: ['memory', 'temperature(no-such-zone)'],
      loopDelays: false,
    })
    await metrics.ready
    const exported = await backend.exported()
    expect(exported.has('tripline.memory')).toBe(true)
    expect(pointsOf(exported.get('tripline.temperature'))).toEqual([])
    const missing = { 'tripline.metric': 'temperature', 'tripline.zone': 'no-such-zone' }
    expect(valueOf(exported.get('tripline.metric.up'), missing)).toBe(0)
    metrics.close()
    expect([...(await backend.exported()).values()].flatMap(pointsOf)).toEqual([])
  })

  it('says with cumulative temporality, too, that a guard is closed and a metric has gone', async () => {
    await using backend = await startBackend()
    const child = spawn('sleep', ['60'])
    using load = guard({ load: 1e6 }, { name: 'load' })
    using metrics = openTelemetryMetrics({
      meterProvider: backend.meterProvider,
      metrics: [{ metric: 'process.rss', pid: child.pid! }],
      interval: 20,
      guards: load,
      loopDelays: false,
    })
    await metrics.ready
    const up = { 'tripline.metric': 'process.rss', 'tripline.pid': `${child.pid!}` }
    const clear = { 'tripline.guard': 'load', 'tripline.state': 'clear' }
    const before = await backend.exported()
    expect(valueOf(before.get('tripline.metric.up'), up)).toBe(1)
    expect(valueOf(before.get('tripline.guard.state'), clear)).toBe(1)
    child.kill()
    load.close()
    using gone = monitor([{ metric: 'process.rss', pid: child.pid! }], { interval: 20, onMissing: 'ignore' })
    await eventually(() => [...gone][0]!.state === 'unavailable')
    const after = await backend.exported()
    expect(valueOf(after.get('tripline.metric.up'), up)).toBe(0)
    expect(valueOf(after.get('tripline.guard.state'), clear)).toBe(0)
  })

  it('uses the global provider if none is given, and refuses where there is none', async () => {
    expect(thrown(() => openTelemetryMetrics({ metrics: [], loopDelays: false }))).toMatchObject({
      code: 'ERR_INVALID_STATE',
      message: expect.stringContaining('setGlobalMeterProvider') as string,
    })
    await using backend = await startBackend()
    api.setGlobalMeterProvider(backend.meterProvider)
    using _metrics = openTelemetryMetrics({ metrics: [], loopDelays: false })
    expect(valueOf((await backend.exported()).get('tripline.operations.abandoned'))).toBe(Cancelable.abandoned.total)
    api.disable()
  })

  it('of 10,000 collections leaves nothing behind', async () => {
    const reader = new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter({ url: 'http://127.0.0.1:9' }),
      exportIntervalMillis: 3_600_000,
    })
    const meterProvider = new MeterProvider({ readers: [reader] })
    using metrics = openTelemetryMetrics({ meterProvider, loopDelays: false })
    await metrics.ready
    const collect = async (times: number): Promise<number> => {
      for (let each = 0; each < times; each++) await reader.collect()
      return heapInUse()
    }
    const before = await collect(1000)
    expect((await collect(10_000)) - before).toBeLessThan(500_000)
  })

  it.each<[string, unknown, RegExp]>([
    ['an unknown option', { meterprovider: 1 }, /Did you mean 'meterProvider'/],
    ['no provider', { meterProvider: {} }, /"meterProvider" option must be a MeterProvider/],
  ])('refuses %s', (_, options, message) => {
    expect(() => openTelemetryMetrics(options as OpenTelemetryOptions)).toThrow(message)
  })
})

describe('without @opentelemetry/api', () => {
  it('a given provider is enough, and else there is one error that names the package', () => {
    const output = runWithoutPeers(`
      import { openTelemetryMetrics } from 'tripline/opentelemetry'
      const instrument = () => ({})
      const meter = { createObservableGauge: instrument, createObservableCounter: instrument, addBatchObservableCallback() {} }
      openTelemetryMetrics({ metrics: [], loopDelays: false, meterProvider: { getMeter: () => meter } })
      try { openTelemetryMetrics() } catch ({ code, message }) { console.log(code, message) }
    `)
    expect(output).toBe(
      "ERR_TRIPLINE_PEER_MISSING 'tripline/opentelemetry' needs the package '@opentelemetry/api', which is not installed: " +
        'npm install @opentelemetry/api\n',
    )
  })
})
