/** Samples, and sends to the open pages what is new. */
import type { ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import { basename } from 'node:path'
import { outsideContexts } from '../../base/async-context.js'
import { realNow } from '../../base/clock.js'
import { MetricUnavailableError } from '../../base/errors.js'
import { packageVersion } from '../../base/package.js'
import { printable } from '../../base/printable.js'
import { realTimers } from '../../base/real-timers.js'
import { Series, samplerStats } from '../../addon/sampler.js'
import { parseQuery } from '../../monitor/queries.js'
import { HELP } from '../metrics/names.js'
import { Client, toEvent, type Position } from './clients.js'
import { Commands } from './commands.js'
import { Guards } from './guards.js'
import { History } from './history.js'
import { Operations } from './operations.js'
import { DEFAULTS, type DashboardSettings } from './options.js'
import type { About, Column, CostView, LimiterView, Missing, Parts, RecordingView, TickerView } from './protocol.js'
import { plain, short } from './text.js'

type PartName = keyof Parts
type PartTexts = ReadonlyMap<PartName, string>

/** Operations are listed again only after so many times what listing them took: thousands must not hold the event loop. */
const OPERATIONS_SHARE = 20

/** Samples until it is disposed of, and sends what is new to the pages. Does not keep the process alive. */
export class Feed implements Disposable {
  readonly #settings: DashboardSettings
  readonly #id: string
  readonly #about: About
  readonly #history: History
  readonly #guards: Guards
  readonly #commands: Commands
  readonly #missing: readonly Missing[]
  readonly #clients = new Set<Client>()
  readonly #timer: NodeJS.Timeout
  /** What the pages have of each part. */
  readonly #sent = new Map<PartName, string>()
  readonly #operations: Operations | undefined
  #listed = { text: 'null', at: -Infinity, took: 0 }
  #cost: { readonly at: number; readonly cpu: number; readonly wakeups: number } | undefined
  #isChanged = false

  /**
   * @param id of the dashboard, by which a page that connects again is recognized
   * @throws MetricUnavailableError if the sampling thread cannot be started; NativeMissingError
   */
  constructor(settings: DashboardSettings, id: string) {
    this.#settings = settings
    this.#id = id
    const { interval, samples, commandLines, pid } = settings
    this.#history = new History(interval, samples)
    try {
      this.#missing = this.#addMetrics()
      this.#guards = new Guards(this.#history, settings.guards, () => this.#push())
    } catch (error) {
      this.#history[Symbol.dispose]()
      throw error
    }
    this.#guards.catchUp()
    this.#operations = settings.registry && new Operations(settings.registry)
    this.#commands = new Commands(interval, commandLines, pid)
    this.#about = this.#describe()
    this.#timer = outsideContexts(() => realTimers.setInterval(() => this.#tick(), interval).unref())
    this.#history.sample()
  }

  get hasRoom(): boolean {
    return this.#clients.size < this.#settings.maxClients
  }

  /** Makes a page of a response. @param lastId of the latest event that it has; empty if it has none */
  follow(response: ServerResponse, lastId: string): void {
    const client = new Client(response, this.#positionOf(lastId))
    this.#clients.add(client)
    response.on('error', () => undefined)
    response.on('close', () => {
      this.#clients.delete(client)
      if (this.#clients.size === 0) this.#commands.rest()
    })
    const texts = this.#partTexts()
    // Only this page has them: the next event must have those parts again, even if they are then as they were before.
    for (const [name, text] of texts) if (this.#sent.get(name) !== text) this.#sent.delete(name)
    this.#sendState(client, texts)
  }

  /** Ends all pages, which then say so. */
  [Symbol.dispose](): void {
    realTimers.clearInterval(this.#timer)
    this.#guards[Symbol.dispose]()
    for (const each of this.#clients) each.end(toEvent('end', '{}'))
    this.#clients.clear()
    this.#commands[Symbol.dispose]()
    this.#history[Symbol.dispose]()
  }

  /** Adds the metrics that were asked for, or those by default that this machine has. Returns those that it lacks. */
  #addMetrics(): Missing[] {
    const { metrics } = this.#settings
    const missing: Missing[] = []
    for (const query of metrics ?? DEFAULTS) {
      const key = parseQuery(query)
      try {
        if (metrics === undefined) Series.open(key, true).release()
      } catch (error) {
        if (!(error instanceof MetricUnavailableError)) throw error
        missing.push({ text: key.metric, why: short(printable(error.why)) })
        continue
      }
      this.#history.add(key)
    }
    return missing
  }

  #describe(): About {
    const { title, interval, samples, registry, pid } = this.#settings
    return {
      title: short(printable(title ?? basename(process.argv[1] ?? 'node'))),
      host: short(printable(hostname())),
      pid: process.pid,
      node: process.version,
      tripline: packageVersion(),
      interval,
      samples,
      hasOperations: registry !== undefined,
      hasCommands: registry !== undefined || pid !== undefined,
    }
  }

  #tick(): void {
    this.#history.sample()
    this.#guards.sweep()
    if (this.#clients.size > 0) this.#broadcast(true)
  }

  /** Sends what has changed, once per turn of the event loop. */
  #push(): void {
    if (this.#isChanged || this.#clients.size === 0) return
    this.#isChanged = true
    outsideContexts(() =>
      realTimers.setImmediate(() => {
        this.#isChanged = false
        this.#broadcast(false)
      }),
    )
  }

  /** @param sampled whether there is a new sample */
  #broadcast(sampled: boolean): void {
    const texts = this.#partTexts()
    const position = this.#position
    const before = position.count - (sampled ? 1 : 0)
    const event = this.#updateEvent(texts, sampled)
    for (const client of this.#clients) {
      if (client.isStuck) client.drop()
      if (!client.isReady) {
        client.hasMissed = true
        continue
      }
      const { count, version } = client.position ?? { count: -1, version: -1 }
      const isUpToDate = !client.hasMissed && count === before && version === position.version
      if (isUpToDate) client.send(event, this.#eventId, position)
      else this.#sendState(client, texts)
      client.beat()
    }
  }

  #updateEvent(texts: PartTexts, sampled: boolean): string {
    const sample = sampled
      ? [`"time":${this.#timeOf(-1)}`, `"values":${JSON.stringify(this.#history.newest().map(plain))}`]
      : []
    const changed = [...texts].filter(([name, text]) => this.#sent.get(name) !== text)
    for (const [name, text] of changed) this.#sent.set(name, text)
    const parts = changed.map(([name, text]) => `"${name}":${text}`)
    return toEvent('update', `{${[`"now":${Date.now()}`, ...sample, ...parts].join(',')}}`)
  }

  /** Everything, or what came after the samples that the page has. A page that gets it later than others misses nothing. */
  #sendState(client: Client, texts: PartTexts): void {
    const { position } = client
    const now = this.#position
    const more = position?.version === now.version && now.count - position.count < this.#history.samples
    const after = more ? position.count : 0
    const times: number[] = []
    const places: number[] = []
    this.#history.forEach(after, (place) => {
      places.push(place)
      times.push(this.#history.times[place]!)
    })
    const columns = this.#history.columns.map(({ series: { info }, text, values }): Column => {
      return {
        text: short(text),
        unit: info.unit,
        help: HELP[info.name],
        max: plain(info.max),
        values: places.map((place) => plain(values[place])),
      }
    })
    const head = { now: Date.now(), about: this.#about, more, times, columns, missing: this.#missing }
    const parts = [...texts].map(([name, text]) => `,"${name}":${text}`).join('')
    client.send(toEvent('state', JSON.stringify(head).slice(0, -1) + parts + '}'), this.#eventId, now)
  }

  get #position(): Position {
    const { count, version } = this.#history
    return { count, version }
  }

  get #eventId(): string {
    const { count, version } = this.#history
    return `${this.#id}.${version}.${count}`
  }

  #positionOf(lastId: string): Position | undefined {
    const [id, version, count, ...more] = lastId.split('.')
    if (id !== this.#id || more.length > 0) return undefined
    const position = { version: Number(version), count: Number(count) }
    const isKnown = Number.isInteger(position.count) && position.count >= 0 && position.count <= this.#history.count
    return isKnown ? position : undefined
  }

  /** @param from the end: -1 for the newest */
  #timeOf(from: number): number {
    const { times, count, samples } = this.#history
    return times[(count + from) % samples]!
  }

  #partTexts(): PartTexts {
    this.#guards.sweep()
    const { limiters, tickers, recording } = this.#settings
    const { columns } = this.#history
    const why = Object.fromEntries(
      columns.flatMap((each, place) => {
        const text = this.#history.why(each)
        return text === '' ? [] : [[place, short(text)] as const]
      }),
    )
    const parts: Omit<Parts, 'operations'> = {
      lines: columns.map((each) => this.#guards.linesOf(each)),
      why,
      guards: this.#guards.views(),
      breaches: this.#guards.breaches(),
      commands: this.#commands.views(),
      limiters: limiters.map(toLimiterView),
      tickers: tickers.map(toTickerView),
      recording: recording === undefined ? null : toRecordingView(recording),
      cost: this.#measureCost(),
    }
    const texts = new Map(Object.entries(parts).map(([name, part]) => [name as PartName, JSON.stringify(part)]))
    return texts.set('operations', this.#operationsText())
  }

  #operationsText(): string {
    const { text: before, at, took } = this.#listed
    const begun = realNow()
    if (this.#operations === undefined || begun - at < took * OPERATIONS_SHARE) return before
    const text = JSON.stringify(this.#operations.view())
    const now = realNow()
    this.#listed = { text, at: now, took: now - begun }
    return text
  }

  /** Over the last second at least. */
  #measureCost(): CostView | null {
    const stats = samplerStats()
    if (stats === undefined) return null
    const at = realNow()
    const before = this.#cost
    if (before === undefined || at - before.at > 60_000) {
      this.#cost = { at, cpu: stats.cpu, wakeups: stats.wakeups }
      return null
    }
    const passed = at - before.at
    const view = {
      cpu: Number(((100 * (stats.cpu - before.cpu)) / passed).toFixed(2)),
      wakeups: Math.round((1000 * (stats.wakeups - before.wakeups)) / passed),
    }
    return passed < 1000 ? null : view
  }
}

function toLimiterView({
  name,
  limit,
  min,
  max,
  active,
  waiting,
  closed,
}: DashboardSettings['limiters'][number]): LimiterView {
  return { name: short(printable(name)), limit, min, max, active, waiting, closed }
}

function toTickerView({ name, state, period, stats }: DashboardSettings['tickers'][number]): TickerView {
  const { ticks, missed, late } = stats
  return { name: short(printable(name)), state, period, ticks, missed, late: plain(late.p99) }
}

function toRecordingView({ file, interval, closed }: NonNullable<DashboardSettings['recording']>): RecordingView {
  return { file: short(printable(file), 1000), interval, closed }
}
