/** `tripline profile`: runs a command and proposes limits for it. */
import { CommandNotStartedError } from '../base/errors.js'
import type { RunResult } from '../run/result.js'
import { run } from '../run/run.js'
import { formatDuration, formatSize, parsePercent } from '../base/units.js'
import { parseArguments } from './arguments.js'
import { alignColumns } from './columns.js'
import { isInFront } from './own-process.js'
import { quote } from './quote.js'
import { descriptorsFor } from './inherited.js'
import { statusOfRefusal } from './refusal.js'
import { SignalForwarder } from './terminal-signals.js'
import { UsageError, say, sayPlainly } from './usage.js'
import { VERBS } from './verbs.js'

export async function main(words: readonly string[]): Promise<number> {
  using forwarder = new SignalForwarder()
  const given = parseArguments(words, VERBS.profile)
  const [command, ...args] = given.rest
  if (command === undefined) throw new UsageError('Say which command to run: tripline profile [OPTION]... [--] COMMAND')
  const margin = readMargin(given.get('margin') ?? '50')
  const foreground = isInFront()
  forwarder.begin(foreground)
  let result: RunResult
  try {
    result = await run(command, args, {
      foreground,
      shared: descriptorsFor(args, process.env, []),
      onEvent: (event) => event.kind === 'started' && forwarder.attach(event.command),
    })
  } catch (error) {
    if (!(error instanceof CommandNotStartedError)) throw error
    say(error.message)
    return statusOfRefusal(error)
  }
  forwarder.detach()
  for (const line of given.has('json') ? [toJson(result, margin)] : toText(result, margin)) sayPlainly(line)
  await forwarder.dieLike(result)
  return result.status
}

function readMargin(text: string): number {
  try {
    const percent = /^[\d.]+$/.test(text) ? Number(text) : text
    return 1 + parsePercent(percent, '--margin', Infinity) / 100
  } catch {
    throw new UsageError(`--margin must be a percentage such as 50; received '${text}'`)
  }
}

function toText(result: RunResult, margin: number): string[] {
  const { command, peaks, duration, cpuTime } = result
  const rows = [
    ['  took', formatDuration(Math.round(duration))],
    ['  CPU time', formatDuration(Math.round(cpuTime))],
    ['  memory', peaks.memory === undefined ? 'over before it could be seen' : `up to ${formatSize(peaks.memory)}`],
    ['  CPU', peaks.cpu === undefined ? 'over before it could be seen' : `up to ${peaks.cpu.toFixed(0)}% of one`],
    [
      '  processes',
      peaks.processes === undefined ? 'over before they could be seen' : `up to ${peaks.processes} at once`,
    ],
  ]
  return [
    `tripline: ${command} exited with ${result.status}`,
    ...alignColumns(rows),
    `With ${Math.round((margin - 1) * 100)}% to spare:`,
    `  ${proposal(result, margin)
      .map((word) => quote(word))
      .join(' ')}`,
  ]
}

/** The words of a `run` command whose limits this run would have kept. */
function proposal(result: RunResult, margin: number): string[] {
  const { command, args, peaks, duration, cpuTime } = result
  const words = ['tripline', 'run', '--timeout', seconds(duration * margin), '--cpu-time', seconds(cpuTime * margin)]
  if (peaks.memory !== undefined) words.push('--memory', size(peaks.memory * margin))
  if (peaks.processes !== undefined) words.push('--procs', String(Math.ceil(peaks.processes * margin)))
  return [...words, '--', command, ...args]
}

function toJson(result: RunResult, margin: number): string {
  const { command, args, status, duration, cpuTime, peaks } = result
  return JSON.stringify({
    command: [command, ...args],
    status,
    duration,
    cpuTime,
    peaks,
    run: proposal(result, margin),
  })
}

function seconds(ms: number): string {
  return `${Math.max(1, Math.ceil(ms / 1000))}s`
}

function size(bytes: number): string {
  return `${Math.max(1, Math.ceil(bytes / 1e6))}MB`
}
