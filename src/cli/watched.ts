/** The rows of `watch`: one per metric, with its limit if one was given. */
import { setTimeout as delay } from 'node:timers/promises'
import { MetricUnavailableError } from '../base/errors.js'
import { parseExpression } from '../monitor/expression.js'
import { parseMetric, type SelectedMetric } from '../monitor/metric-text.js'
import { guard, type Guard } from '../monitor/guard.js'
import type { Limit } from '../monitor/limits.js'
import { checkMetric } from '../monitor/selectors.js'
import { monitor, type Monitor } from '../monitor/monitor.js'
import { SELECTORS, type MetricName } from '../addon/metrics.js'
import { capabilities } from '../monitor/capabilities.js'
import { samples, snapshot, type Snapshot } from '../monitor/snapshot.js'
import type { MetricQuery } from '../monitor/queries.js'
import { History } from './history.js'
import type { OnMissing } from './on-missing.js'
import type { Row } from './table.js'
import { UsageError } from './usage.js'

// Shown by default, the most interesting first. Those that the machine lacks are left out.
const USUAL: readonly MetricName[] = [
  'cpu',
  'load',
  'memory',
  'memory.available',
  'swap',
  'pressure.cpu',
  'pressure.memory',
  'pressure.io',
  'disk',
  'disk.read',
  'disk.write',
  'network.rx',
  'network.tx',
  'temperature',
  'throttled',
  'battery',
]

interface Watched {
  readonly history: History
  readonly query: MetricQuery
  readonly limit: { readonly text: string; readonly line: number; readonly guard: Guard } | undefined
  /** Waits for a metric that is missing; undefined while it is available. */
  recovery?: Monitor | undefined
}

export class WatchList {
  readonly #all: Watched[]
  readonly #onMissing: OnMissing

  /**
   * Makes the rows. Limits, and metrics with a selector, must exist on this machine unless `onMissing` says otherwise.
   *
   * @throws TypeError, ExpressionError for bad input; MetricUnavailableError if one of these does not exist
   */
  constructor(names: readonly string[], limits: readonly string[], onMissing: OnMissing = 'throw') {
    this.#onMissing = onMissing
    const limited = limits.map((text) => watchLimit(text, onMissing))
    const shown = names.length > 0 || limited.length > 0 ? names : usual()
    const plain = shown.map((name) => watchMetric(name, onMissing))
    const more = plain.filter(({ history }) => limited.every((each) => each.history.label !== history.label))
    this.#all = [...limited, ...more]
  }

  get rows(): Row[] {
    return this.#all.map(({ history, limit }) => ({
      history,
      limit: limit === undefined ? undefined : { text: limit.text, line: limit.line, state: limit.guard.state },
    }))
  }

  get queries(): MetricQuery[] {
    return this.#all.map(({ query }) => query)
  }

  get guards(): Guard[] {
    return this.#all.flatMap(({ limit }) => (limit === undefined ? [] : [limit.guard]))
  }

  /** Samples repeatedly, for `last` milliseconds. A metric that is missing stays in the list, with the reason, until it comes. */
  async *sample(interval: number, last: number): AsyncGenerator<Snapshot, void> {
    // Counted from the first sample, which waits for windows: so the number of samples does not depend on the metrics.
    let end: number | undefined
    for (;;) {
      const there = this.#all.filter(({ history }) => history.why === '')
      if (there.length === 0) {
        if (this.#onMissing === 'throw') throw new UsageError('This machine has no such metrics')
        end ??= performance.now() + last
        yield snapshot()
        if (performance.now() + interval / 2 > end) return
        await delay(interval)
        this.#restoreRecovered()
        continue
      }
      try {
        for await (const newest of samples({ interval, metrics: there.map(({ query }) => query) })) {
          for (const { history } of there) {
            const value = newest.get(history.info.name, history.selector)
            if (value !== undefined) history.add(value.value)
          }
          end ??= performance.now() + last
          yield newest
          // The sample at the end still belongs to the period, although it may come a little late.
          if (performance.now() + interval / 2 > end) return
          if (this.#restoreRecovered()) break
        }
      } catch (error) {
        if (!(error instanceof MetricUnavailableError)) throw error
        for (const each of there) if (each.history.info.name === error.metric) waitForRecovery(each, error)
      }
    }
  }

  /** Marks metrics as available that were missing and have a value again. Returns whether there are any. */
  #restoreRecovered(): boolean {
    const back = this.#all.filter(({ recovery, query }) => recovery?.get(query).state === 'known')
    for (const each of back) {
      each.history.why = ''
      each.recovery?.close()
      each.recovery = undefined
    }
    return back.length > 0
  }
}

/** Notes why a row's metric is missing. Several rows may have the metric of the error, and not all need to be missing. */
function waitForRecovery(row: Watched, lost: MetricUnavailableError): void {
  row.recovery = monitor(row.query, { onMissing: 'ignore' })
  const { state, why } = row.recovery.get(row.query)
  if (state === 'unavailable') {
    row.history.why = why === '' ? lost.why : why
    return
  }
  row.recovery.close()
  row.recovery = undefined
}

/** Those of the usual metrics that this machine has. */
export function usual(): readonly MetricName[] {
  const there = new Set(capabilities().flatMap(({ metric, available }) => (available ? [metric] : [])))
  return USUAL.filter((metric) => there.has(metric))
}

function watchMetric(text: string, onMissing: OnMissing): Watched {
  const metric = parseMetric(text)
  if (onMissing === 'throw' && isSelected(metric)) monitor(toQuery(metric)).close()
  return { history: new History(metric), query: toQuery(metric), limit: undefined }
}

function isSelected({ selector }: SelectedMetric): boolean {
  return Object.keys(selector).length > 0
}

function toQuery({ info, selector }: SelectedMetric): MetricQuery {
  return { metric: info.name, ...selector }
}

function watchLimit(text: string, onMissing: OnMissing): Watched {
  const { metric, limit } = parseExpression(text)
  const selected = { info: checkMetric(metric), selector: selectorOf(metric, limit) }
  const shown = {
    text: text.slice(text.search(/[<>]/)).trim(),
    // As the expression has it: a number in the unit of the metric.
    line: Number(limit.above ?? limit.below),
    guard: guard({ [metric]: { ...limit, onMissing } }, { name: text }),
  }
  return { history: new History(selected), query: toQuery(selected), limit: shown }
}

function selectorOf(metric: MetricName, limit: Limit): SelectedMetric['selector'] {
  const [key] = SELECTORS[checkMetric(metric).scope]
  return key === undefined || limit[key] === undefined ? {} : { [key]: limit[key] }
}
