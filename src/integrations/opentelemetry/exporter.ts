/** Metrics for OpenTelemetry: observable instruments of a meter. */
import type * as Api from '@opentelemetry/api'
import type { BatchObservableCallback, Meter, MeterProvider, Observable } from '@opentelemetry/api'
import { invalidState, invalidType } from '../../base/errors.js'
import { Collection } from '../metrics/collection.js'
import type { Family, Labels } from '../metrics/families.js'
import { parseMetrics, type MetricsOptions } from '../metrics/options.js'
import { loadPeer } from '../peer.js'

/** What is exported, and where to. */
export interface OpenTelemetryOptions extends MetricsOptions {
  /** The provider of the meter. @default the global one of `@opentelemetry/api`, which must have been set */
  meterProvider?: MeterProvider | undefined
}

/** The instruments of a family. */
interface Instruments {
  readonly family: Family
  /** For values with labels. */
  readonly own: Observable
  /** For the value without labels, which may have a name of the conventions. */
  readonly bare: Observable
}

/**
 * Metrics for OpenTelemetry; made by {@link openTelemetryMetrics}. The sampling thread keeps the values up to date; a collection takes
 * what is there. Does not keep the process alive.
 */
export class OpenTelemetryMetrics implements Disposable {
  readonly #collection: Collection
  readonly #meter: Meter
  readonly #instruments: readonly Instruments[]
  readonly #observables: Observable[]
  readonly #observe: BatchObservableCallback = (result) => {
    for (const { family, own, bare } of this.#instruments) {
      family.read((labels, value) => {
        const attributes = toAttributes(labels)
        result.observe(attributes === undefined ? bare : own, value, attributes)
      })
    }
  }

  /** @internal Use {@link openTelemetryMetrics}. */
  constructor(options: OpenTelemetryOptions) {
    const settings = parseMetrics(options, ['meterProvider'])
    this.#meter = meterOf(options.meterProvider)
    this.#collection = new Collection(settings)
    this.#instruments = this.#collection.families.map((family) => makeInstruments(this.#meter, family))
    this.#observables = this.#instruments.flatMap(({ own, bare }) => (own === bare ? [own] : [own, bare]))
    this.#meter.addBatchObservableCallback(this.#observe, this.#observables)
  }

  /** Resolves once each metric has a value or is known to have none; for tests and short programs. Keeps the process alive until then. */
  get ready(): Promise<void> {
    return this.#collection.ready
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#collection.closed
  }

  /**
   * Stops reading the metrics, and observes nothing from then on. (With cumulative temporality, the SDK for JavaScript goes on to
   * export what was observed last.)
   */
  close(): void {
    if (this.closed) return
    this.#meter.removeBatchObservableCallback(this.#observe, this.#observables)
    this.#collection[Symbol.dispose]()
  }

  /** The same as {@link close}. */
  [Symbol.dispose](): void {
    this.close()
  }
}

function meterOf(given: MeterProvider | undefined): Meter {
  if (given !== undefined) {
    if (typeof (given as Partial<MeterProvider> | null)?.getMeter !== 'function') {
      throw invalidType('meterProvider', 'a MeterProvider', given)
    }
    return given.getMeter('tripline')
  }
  const api = loadPeer('@opentelemetry/api', 'tripline/opentelemetry') as typeof Api
  const meter = api.metrics.getMeter('tripline')
  // It would take all values, and never export one.
  if (meter === api.createNoopMeter()) {
    throw invalidState(
      'No meter provider is set: call metrics.setGlobalMeterProvider() before, or give a meterProvider',
    )
  }
  return meter
}

function makeInstruments(meter: Meter, family: Family): Instruments {
  const { id, type, unit, help, convention } = family
  const options = { description: help, unit: unit.code }
  const name = `tripline.${id}`
  const own =
    type === 'counter' ? meter.createObservableCounter(name, options) : meter.createObservableGauge(name, options)
  if (convention === undefined) return { family, own, bare: own }
  const common = { description: help, unit: convention.code }
  const bare =
    convention.kind === 'gauge'
      ? meter.createObservableGauge(convention.name, common)
      : meter.createObservableUpDownCounter(convention.name, common)
  return { family, own, bare }
}

/** Names of attributes have the prefix of their owner; undefined for a value without labels. */
function toAttributes(labels: Labels): Record<string, string> | undefined {
  let attributes: Record<string, string> | undefined
  for (const name in labels) (attributes ??= {})[`tripline.${name}`] = labels[name]!
  return attributes
}
