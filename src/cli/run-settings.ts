/** What `tripline run` was asked to do. */
import { constants } from 'node:os'
import { unknownName } from '../errors.js'
import type { RunOptions } from '../run/options.js'
import type { Limits } from '../monitor/limits.js'
import { parseArguments, toMilliseconds, type ParsedArguments } from './arguments.js'
import { UsageError } from './usage.js'
import { VERBS } from './verbs.js'

export interface Settings {
  readonly command: string
  readonly args: readonly string[]
  readonly options: RunOptions
  readonly startWhen: Limits | undefined
  /** Milliseconds; Infinity for none. */
  readonly wait: number
  readonly report: string | undefined
  readonly preserveStatus: boolean
  readonly gnuStatus: boolean
  readonly quiet: boolean
  readonly verbose: boolean
}

// Shorthands for limits on the tree.
const TREE_LIMITS = {
  memory: 'process.footprint',
  cpu: 'process.cpu',
  procs: 'process.count',
  'cpu-time': 'process.cpuTime',
} as const

const REACTIONS = ['term', 'pause', 'kill'] as const

/** @throws UsageError */
export async function readSettings(words: readonly string[]): Promise<Settings> {
  const given = parseArguments(words, VERBS.run.options)
  const [command, ...args] = given.rest
  if (command === undefined) throw new UsageError('Say which command to run: tripline run [OPTION]... [--] COMMAND')
  const expressions = [...treeExpressions(given), ...given.all('limit')]
  const limits = await toLimits(expressions)
  const wait = given.duration('wait') ?? 0
  if (given.has('wait') && !given.has('start-when')) throw new UsageError('--wait needs --start-when, which it limits')
  return {
    command,
    args,
    options: {
      timeout: given.duration('timeout') || Infinity,
      limits,
      idleOutput: given.duration('idle-output') || Infinity,
      onBreach: readReaction(given),
      signal: readSignal(given.get('signal') ?? 'TERM'),
      killAfter: (given.duration('kill-after') ?? 5000) || Infinity,
      dryRun: given.has('dry-run'),
      // They cost a thread and some reads: only for who shows them.
      peaks: given.has('report') || given.has('verbose') || limits !== undefined,
    },
    startWhen: await toLimits(given.all('start-when')),
    wait: wait === 0 ? Infinity : wait,
    report: given.get('report'),
    preserveStatus: given.has('preserve-status'),
    gnuStatus: given.has('gnu-status'),
    quiet: given.has('quiet'),
    verbose: given.has('verbose'),
  }
}

function treeExpressions(given: ParsedArguments): string[] {
  return Object.entries(TREE_LIMITS).flatMap(([option, metric]) => {
    const value = given.get(option)
    if (value === undefined) return []
    if (option === 'cpu-time') return [`${metric} > ${toMilliseconds(value, '--cpu-time')}ms`]
    return [`${metric} > ${value}`]
  })
}

/** The parser, and the table of metrics under it, are loaded only where there is something to parse. */
async function toLimits(expressions: readonly string[]): Promise<Limits | undefined> {
  if (expressions.length === 0) return undefined
  const { parseLimits } = await import('./expression.js')
  return parseLimits(expressions)
}

function readReaction(given: ParsedArguments): 'term' | 'pause' | 'kill' {
  const text = given.get('on-breach') ?? 'term'
  const found = REACTIONS.find((each) => each === text)
  if (found === undefined) throw new UsageError(`--on-breach must be term, pause or kill; received '${text}'`)
  return found
}

/** `TERM`, `SIGTERM`, `sigterm` or `15`. */
function readSignal(text: string): NodeJS.Signals {
  const names = Object.keys(constants.signals)
  const wanted = text.toUpperCase().replace(/^(?:SIG)?/, 'SIG')
  const found = names.find((name) => name === wanted || String(constants.signals[name as NodeJS.Signals]) === text)
  if (found === undefined) {
    const short = names.map((name) => name.slice(3))
    throw new UsageError(`${unknownName('signal', text, short).message} (--signal)`)
  }
  return found as NodeJS.Signals
}
