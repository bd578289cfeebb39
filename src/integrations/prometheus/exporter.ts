/** Metrics for Prometheus: as text, or in a registry of prom-client. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type * as PromClient from 'prom-client'
import type { Registry } from 'prom-client'
import { invalidState, invalidType, invalidValue } from '../../base/errors.js'
import { Collection } from '../metrics/collection.js'
import type { Family } from '../metrics/families.js'
import { parseMetrics, type MetricsOptions } from '../metrics/options.js'
import { loadPeer } from '../peer.js'
import { CONTENT_TYPE, prometheusName, toText } from './text.js'

/** A metric of a registry. */
interface Registered {
  readonly registry: Registry
  readonly name: string
  readonly metric: unknown
}

/**
 * Metrics for Prometheus; made by {@link prometheusMetrics}. The sampling thread keeps the values up to date; a scrape takes what is
 * there. Does not keep the process alive.
 */
export class PrometheusMetrics implements Disposable {
  /** The value of the header `Content-Type` for the text. */
  readonly contentType: string = CONTENT_TYPE
  readonly #collection: Collection
  readonly #registered: Registered[] = []

  /** @internal Use {@link prometheusMetrics}. */
  constructor(options: MetricsOptions) {
    this.#collection = new Collection(parseMetrics(options))
  }

  /** Resolves once each metric has a value or is known to have none; for tests and short programs. Keeps the process alive until then. A scrape does not need it. */
  get ready(): Promise<void> {
    return this.#collection.ready
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#collection.closed
  }

  /**
   * The metrics in the text format of Prometheus. Values that are missing are left out; `tripline_metric_up` says which.
   *
   * @throws Error `ERR_INVALID_STATE` once it is closed
   */
  text(): string {
    this.#checkOpen()
    return toText(this.#collection.families)
  }

  /**
   * A handler for `node:http` and all that builds on it, such as Express: answers GET and HEAD with the text, other methods with 405,
   * and everything with 503 once this is closed.
   *
   * @example
   * createServer(metrics.handler()).listen(9464, '127.0.0.1')
   */
  handler(): (request: IncomingMessage, response: ServerResponse) => void {
    return (request, response) => {
      // What nothing reads would keep the connection from being used again.
      request.resume()
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD' }).end()
      } else if (this.closed) {
        response.writeHead(503).end()
      } else {
        response.writeHead(200, { 'content-type': CONTENT_TYPE }).end(this.text())
      }
    }
  }

  /**
   * Adds the metrics to a registry of prom-client, beside others such as those of `collectDefaultMetrics`. They are removed from
   * it by {@link close}, and may be added to several registries.
   *
   * @param registry @default the default registry of prom-client
   * @throws PeerMissingError `ERR_TRIPLINE_PEER_MISSING` without the package prom-client; TypeError `ERR_INVALID_ARG_TYPE`;
   *   TypeError `ERR_INVALID_ARG_VALUE` if the registry has metrics with these names already, and then adds none; Error
   *   `ERR_INVALID_STATE` once it is closed
   */
  register(registry?: Registry): this {
    this.#checkOpen()
    const client = loadPeer('prom-client', 'tripline/prometheus') as typeof PromClient
    const target = registry ?? client.register
    if (typeof (target as Partial<Registry> | null)?.registerMetric !== 'function') {
      throw invalidType('registry', 'a Registry of prom-client', registry)
    }
    const { families } = this.#collection
    const taken = families.map(prometheusName).find((name) => target.getSingleMetric(name) !== undefined)
    if (taken !== undefined) throw invalidValue('registry', `one without a metric ${taken}`, registry)
    for (const family of families) {
      const name = prometheusName(family)
      this.#registered.push({ registry: target, name, metric: add(client, target, name, family) })
    }
    return this
  }

  /** Stops reading the metrics, and removes them from all registries. */
  close(): void {
    for (const { registry, name, metric } of this.#registered.splice(0)) {
      // The registry may have been cleared, and have another metric of that name.
      if (registry.getSingleMetric(name) === metric) registry.removeSingleMetric(name)
    }
    this.#collection[Symbol.dispose]()
  }

  /** The same as {@link close}. */
  [Symbol.dispose](): void {
    this.close()
  }

  #checkOpen(): void {
    if (this.closed) throw invalidState('These metrics were closed')
  }
}

/** Adds one family. Its values are set with each scrape, so that one that has gone missing is gone there, too. */
function add(client: typeof PromClient, registry: Registry, name: string, family: Family): unknown {
  const { type, help, labels, read } = family
  const common = { name, help, labelNames: labels, registers: [registry] }
  if (type === 'counter') {
    const counter = new client.Counter({
      ...common,
      collect() {
        counter.reset()
        // `reset` leaves a 0 where there are no labels.
        if (labels.length === 0) counter.remove()
        read((each, value) => counter.inc(each, value))
      },
    })
    return counter
  }
  const gauge = new client.Gauge({
    ...common,
    collect() {
      gauge.reset()
      if (labels.length === 0) gauge.remove()
      read((each, value) => gauge.set(each, value))
    },
  })
  return gauge
}
