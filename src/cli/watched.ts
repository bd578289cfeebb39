/** The rows of `watch`: one per metric, with its limit where one was given. */
import { MetricUnavailableError } from '../base/errors.js'
import { guard, type Guard } from '../monitor/guard.js'
import { checkMetric, type Limit, type Selector } from '../monitor/limits.js'
import { SELECTORS, type MetricName } from '../addon/metrics.js'
import { capabilities, samples, type MetricQuery, type Snapshot } from '../monitor/snapshot.js'
import { parseExpression } from './expression.js'
import { History } from './history.js'
import type { Row } from './table.js'
import { UsageError } from './usage.js'

// Shown by default, in order of interest; those that the machine lacks are left out.
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
  readonly selector: Selector
  readonly text: string | undefined
  readonly guard: Guard | undefined
}

export class WatchList {
  readonly #all: Watched[]

  /** @throws UsageError; MetricUnavailableError for a limit that cannot be watched */
  constructor(names: readonly string[], limits: readonly string[]) {
    const limited = limits.map((text) => watchLimit(text))
    const shown = names.length > 0 || limited.length > 0 ? names : usual()
    const plain = shown.map((name) => watchMetric(name))
    const more = plain.filter(({ history }) => limited.every((each) => each.history.label !== history.label))
    this.#all = [...limited, ...more]
  }

  get rows(): Row[] {
    return this.#all.map(({ history, text, guard: watched }) => ({
      history,
      limit: text === undefined || watched === undefined ? undefined : { text, state: watched.state },
    }))
  }

  /** Samples repeatedly, for `last` milliseconds. A metric that goes missing stays in the list, with the reason. */
  async *sample(interval: number, last: number): AsyncGenerator<Snapshot, void> {
    // Counted from the first sample, which waits for windows to fill: the number of samples does not depend on the metrics.
    let end: number | undefined
    for (;;) {
      const there = this.#all.filter(({ history }) => history.why === '')
      if (there.length === 0) throw new UsageError('This machine has no such metrics')
      try {
        for await (const snapshot of samples({ interval, metrics: there.map(({ query }) => query) })) {
          for (const { history, selector } of there) {
            const value = snapshot.get(history.info.name, selector)
            if (value !== undefined) history.add(value.value)
          }
          end ??= performance.now() + last
          yield snapshot
          // The last sample belongs to the period, although it comes a little late.
          if (performance.now() + interval / 2 > end) return
        }
      } catch (error) {
        if (!(error instanceof MetricUnavailableError)) throw error
        const lost = there.find(({ history }) => history.info.name === error.metric)
        if (lost === undefined) throw error
        lost.history.why = error.why
      }
    }
  }
}

function usual(): readonly MetricName[] {
  const there = new Set(capabilities().flatMap(({ metric, available }) => (available ? [metric] : [])))
  return USUAL.filter((metric) => there.has(metric))
}

function watchMetric(name: string): Watched {
  const history = new History(readMetric(name))
  return { history, query: history.info.name, selector: {}, text: undefined, guard: undefined }
}

function readMetric(name: string): ReturnType<typeof checkMetric> {
  try {
    return checkMetric(name)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function watchLimit(text: string): Watched {
  const { metric, limit } = parseExpression(text)
  const selector = selectorOf(metric, limit)
  const line = text.slice(text.search(/[<>]/)).trim()
  const watched = guard({ [metric]: limit }, { name: text })
  return {
    history: new History(checkMetric(metric), selector),
    query: { metric, ...selector },
    selector,
    text: line,
    guard: watched,
  }
}

function selectorOf(metric: MetricName, limit: Limit): Selector {
  const [key] = SELECTORS[checkMetric(metric).scope]
  return key === undefined || limit[key] === undefined ? {} : { [key]: limit[key] }
}
