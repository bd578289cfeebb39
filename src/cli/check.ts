/** `tripline check`: whether limits are crossed now, as an exit status. */
import { setTimeout as delay } from 'node:timers/promises'
import { MetricUnavailableError } from '../base/errors.js'
import { formatDuration, formatValue, parseDuration } from '../base/units.js'
import { parseExpression } from '../monitor/expression.js'
import { describeBreach } from '../monitor/breach.js'
import { guard, type Guard } from '../monitor/guard.js'
import type { Limit } from '../monitor/limits.js'
import { checkMetric } from '../monitor/selectors.js'
import { monitor, type Monitor, type MonitorReading } from '../monitor/monitor.js'
import type { MetricName } from '../addon/metrics.js'
import { parseArguments, type ParsedArguments } from './arguments.js'
import { alignColumns } from './columns.js'
import { refuseOurProcess } from './own-metrics.js'
import { EXIT, UsageError, print } from './usage.js'
import { VERBS } from './verbs.js'

const CROSSED = 1
/** By default, the values may take this long, and then the longest `for`. */
const DEFAULT_WITHIN_MS = 10_000
/** The time between two reads of the values, in milliseconds; reading them is cheap. */
const STEP_MS = 10

/** What is known of a limit: `pending` until its metric has a value, and while it is crossed for less than its `for`. */
type Verdict = 'crossed' | 'clear' | 'pending'

export async function main(words: readonly string[]): Promise<number> {
  const given = parseArguments(words, VERBS.check)
  if (given.rest.length === 0) throw new UsageError("Say which limits to check: tripline check 'memory>90%'")
  const outputs = ['quiet', 'verbose', 'json'].filter((name) => given.has(name))
  if (outputs.length > 1) throw new UsageError(`--${outputs[0]} and --${outputs[1]} exclude each other`)
  const checks: Check[] = []
  try {
    for (const text of given.rest) checks.push(new Check(text))
    const verdicts = await decide(checks, readWithin(given, checks))
    const isCrossed = verdicts.includes('crossed')
    if (given.has('json')) print(toJson(checks, verdicts))
    else if (!given.has('quiet')) print(toText(checks, verdicts, given.has('verbose')))
    return isCrossed ? CROSSED : EXIT.ok
  } finally {
    for (const each of checks) each[Symbol.dispose]()
  }
}

/** The longest time that the verdicts may take. @throws UsageError if it is too short for a `for` */
function readWithin(given: ParsedArguments, checks: readonly Check[]): number {
  const within = given.duration('within')
  if (within === undefined) return DEFAULT_WITHIN_MS + Math.max(...checks.map(({ lasting }) => lasting))
  const longer = checks.find(({ lasting }) => lasting > within)
  if (longer === undefined) return within
  throw new UsageError(`'${longer.text}': ${formatDuration(longer.lasting)} is longer than --within`)
}

class Check implements Disposable {
  readonly text: string
  readonly #metric: MetricName
  readonly #limit: Limit
  readonly #guard: Guard
  readonly #monitor: Monitor

  /** @throws ExpressionError; MetricUnavailableError for a metric that this machine does not have */
  constructor(text: string) {
    const { metric, limit } = parseExpression(text, refuseOurProcess('that is tripline itself'))
    this.text = text.trim()
    this.#metric = metric
    this.#limit = limit
    this.#guard = guard({ [metric]: limit }, { name: this.text })
    const { above: _above, below: _below, for: _for, clear: _clear, ...query } = limit
    this.#monitor = monitor({ metric, ...query }, { interval: 100 })
  }

  get reading(): MonitorReading {
    return [...this.#monitor][0]!
  }

  /** Its `for`, in milliseconds. */
  get lasting(): number {
    return parseDuration(this.#limit.for ?? 0, 'for', true)
  }

  /** @throws MetricUnavailableError if the metric has gone missing */
  get verdict(): Verdict {
    if (this.#guard.isBreached) return 'crossed'
    const { state, value, why } = this.reading
    if (state === 'unavailable' || this.#guard.state === 'unavailable') {
      throw new MetricUnavailableError(this.#metric, why)
    }
    return value === undefined || this.#isBeyond(value) ? 'pending' : 'clear'
  }

  /** Whether a value is on the wrong side of the line. It counts as crossed only after `for`. */
  #isBeyond(value: number): boolean {
    const { above, below } = this.#limit
    return above === undefined ? value < Number(below) : value > Number(above)
  }

  toObject(verdict: Verdict): object {
    const { value, unit, why } = this.reading
    return { limit: this.text, state: verdict, value: value ?? null, unit, ...(why !== '' && { why }) }
  }

  toRow(verdict: Verdict): string[] {
    const { value } = this.reading
    if (verdict === 'crossed') return [verdict, this.text, describeBreach(this.#guard.latestBreaches[0]!)]
    const line = Number(this.#limit.above ?? this.#limit.below)
    return [verdict, this.text, value === undefined ? '-' : formatValue(value, checkMetric(this.#metric).unit, line)]
  }

  [Symbol.dispose](): void {
    this.#monitor.close()
    this.#guard.close()
  }
}

/**
 * The verdicts as soon as one limit is crossed, or all are clear.
 *
 * @throws UsageError if that takes longer than `within`; MetricUnavailableError
 */
async function decide(checks: readonly Check[], within: number): Promise<readonly Verdict[]> {
  const deadline = performance.now() + within
  for (;;) {
    const verdicts = checks.map(({ verdict }) => verdict)
    if (verdicts.includes('crossed') || !verdicts.includes('pending')) return verdicts
    if (performance.now() >= deadline) throw new UsageError(describeDelay(checks, verdicts, within))
    await delay(STEP_MS)
  }
}

function describeDelay(checks: readonly Check[], verdicts: readonly Verdict[], within: number): string {
  const limit = formatDuration(within)
  const unknown = checks.find(({ reading }) => reading.state === 'pending')
  if (unknown !== undefined) return `'${unknown.text}': no value within ${limit}: ${unknown.reading.why}`
  return `'${checks[verdicts.indexOf('pending')]!.text}': not decided within ${limit}`
}

function toJson(checks: readonly Check[], verdicts: readonly Verdict[]): string {
  const limits = checks.map((each, index) => each.toObject(verdicts[index]!))
  return `${JSON.stringify({ at: new Date().toISOString(), crossed: verdicts.includes('crossed'), limits })}\n`
}

function toText(checks: readonly Check[], verdicts: readonly Verdict[], all: boolean): string {
  const rows = checks.map((each, index) => each.toRow(verdicts[index]!))
  return alignColumns(rows.filter(([verdict]) => all || verdict === 'crossed'))
    .map((line) => `${line}\n`)
    .join('')
}
