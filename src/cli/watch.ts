/** `tripline watch --once`: what every metric of this machine says now. */
import { capabilities, sample, type Capability, type Snapshot } from '../monitor/snapshot.js'
import { formatValue } from '../units.js'
import { parseArguments } from './arguments.js'
import { VERBS } from './verbs.js'
import { EXIT, UsageError } from './usage.js'

export async function main(words: readonly string[]): Promise<number> {
  const options = parseArguments(words, VERBS.watch.options)
  const { rest } = options
  if (rest.length > 0) throw new UsageError(`tripline watch takes no arguments; received '${rest[0]}'.`)
  if (!options.has('once')) throw new UsageError('The live view is not there yet: use tripline watch --once.')
  const metrics = capabilities()
  const there = metrics.filter((each) => each.available).map((each) => each.metric)
  const now = await sample(there)
  process.stdout.write(options.has('json') ? toJson(metrics, now) : toTable(metrics, now))
  return EXIT.ok
}

/** One object on one line: keys stay, values are in the metric's own unit. */
function toJson(metrics: readonly Capability[], now: Snapshot): string {
  const values = Object.fromEntries(metrics.map((each) => [each.metric, now.get(each.metric)?.value ?? null]))
  const unavailable = Object.fromEntries(
    metrics.filter((each) => !each.available).map((each) => [each.metric, each.why]),
  )
  const at = new Date(performance.timeOrigin + now.at).toISOString()
  return `${JSON.stringify({ at, metrics: values, unavailable })}\n`
}

function toTable(metrics: readonly Capability[], now: Snapshot): string {
  const rows = metrics.map(({ metric, unit, origin, why }) => {
    const value = now.get(metric)?.value
    return [metric, value === undefined ? 'n/a' : formatValue(value, unit), value === undefined ? why : origin] as const
  })
  const width = (column: 0 | 1): number => Math.max(...rows.map((row) => row[column].length))
  const [first, second] = [width(0), width(1)]
  return rows
    .map(([metric, value, source]) => `${metric.padEnd(first)}  ${value.padStart(second)}  ${source}\n`)
    .join('')
}
