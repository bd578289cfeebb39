/** What users type: limits and metrics as text, durations, sizes, the words of a command line. */
import { HelpWanted, UsageError } from '../../../src/cli/usage.js'
import { parseArguments } from '../../../src/cli/arguments.js'
import { readReserve } from '../../../src/cli/reservation.js'
import { VERBS, type VerbName } from '../../../src/cli/verbs.js'
import { parseExpression, toLimits } from '../../../src/monitor/expression.js'
import { parseLimits } from '../../../src/monitor/limits.js'
import { metricText, parseMetric } from '../../../src/monitor/metric-text.js'
import {
  formatDuration,
  formatSize,
  parseDuration,
  parseNumber,
  parsePercent,
  parseSize,
} from '../../../src/base/units.js'
import { attempt, Parts, require } from './check.js'

/** `cpu > 80% for 10s`, a metric with its selector, and every kind of quantity. */
export function expression(input: Uint8Array): void {
  const text = Buffer.from(input).toString()
  const parsed = attempt(() => parseExpression(text))
  if (parsed !== undefined) {
    const { limits } = parseLimits(toLimits([parsed]))
    require(limits.length === 1, `${limits.length} limits of one expression`)
    const { direction, enter, exit, for: dwell, clearFor, info } = limits[0]!
    require(Number.isFinite(enter) && enter <= info.max, `a limit of ${enter}`)
    require(direction === 'above' ? exit <= enter : exit >= enter, `clear at ${exit}, breached at ${enter}`)
    require(dwell >= 0 && clearFor >= 0 && dwell < Infinity, `for ${dwell} ms`)
  }
  const metric = attempt(() => parseMetric(text))
  if (metric !== undefined) {
    const again = parseMetric(metricText(metric))
    require(again.info === metric.info, 'another metric once it was printed')
    require(metricText(again) === metricText(metric), `'${metricText(again)}' after '${metricText(metric)}'`)
  }
  const quantities = [
    attempt(() => parseDuration(text, 'x')),
    attempt(() => parseSize(text, 'x')),
    attempt(() => parsePercent(text, 'x')),
  ]
  for (const each of quantities) require(each === undefined || (each >= 0 && each < Infinity), `a quantity of ${each}`)
  const [duration, size] = quantities
  if (duration !== undefined) require(!formatDuration(duration).includes('NaN'), 'a duration is printed')
  if (size !== undefined) require(!formatSize(size).includes('NaN'), 'a size is printed')
  const number = attempt(() => parseNumber(text, 'x', 'C', '°C'))
  require(number === undefined || Number.isFinite(number), `a number of ${number}`)
}

/** The words of a command line, separated by NUL as the kernel has them. */
export function words(input: Uint8Array): void {
  const parts = new Parts(input)
  const verbs = Object.keys(VERBS) as VerbName[]
  const verb = VERBS[verbs[parts.number(verbs.length - 1)]!]
  const given: string[] = []
  while (!parts.done) given.push(parts.text('\0'))
  try {
    const parsed = parseArguments(given, verb)
    // What belongs to a command is passed on as it is.
    require(parsed.rest.every((each, at) => each === given.at(at - parsed.rest.length)) || !verb.takesCommand, 'words')
    for (const name of Object.keys(verb.options)) {
      const duration = parsed.duration(name)
      require(duration === undefined || duration >= 0, `--${name} is ${duration}`)
    }
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof HelpWanted)) throw error
  }
  for (const each of given) {
    try {
      const { memory, cpu } = readReserve(each)
      require(memory === undefined || Number(memory) > 0, `${memory} bytes`)
      require(cpu === undefined || cpu > 0, `${cpu} CPUs`)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
    }
  }
}
