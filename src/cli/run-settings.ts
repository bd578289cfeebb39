/** The settings of `tripline run`, read from its arguments. */
import { constants, totalmem } from 'node:os'
import { unknownName } from '../base/errors.js'
import { REACTIONS, type RunOptions } from '../run/options.js'
import type { RunRecording } from '../run/recording.js'
import { findSignal, type SignalName } from '../run/signals.js'
import type { ReserveRequest } from '../admit/request.js'
import type { Limits } from '../monitor/limits.js'
import { parseArguments, type ParsedArguments } from './arguments.js'
import { descriptorsFor } from './inherited.js'
import { readOnMissing } from './on-missing.js'
import { refuseOurOwn, refuseOurProcess } from './own-metrics.js'
import { UsageError } from './usage.js'
import { VERBS } from './verbs.js'

export interface Settings {
  readonly command: string
  readonly args: readonly string[]
  readonly options: RunOptions
  readonly startWhen: Limits | undefined
  /** How long to wait for it, in milliseconds; Infinity for no limit. */
  readonly wait: number
  /** What to reserve before the start, and the lane to wait in. */
  readonly reserve: ReserveRequest | undefined
  readonly lane: string | undefined
  readonly report: string | undefined
  /** The exit status if tripline ended the command or did not start it; undefined for the default ones. */
  readonly exitCode: number | undefined
  readonly preserveStatus: boolean
  readonly gnuStatus: boolean
  /** Whether the command stays in our process group even if that is not in front on the terminal. */
  readonly foreground: boolean
  /** Whether systemd's watchdog is fed for the command. */
  readonly watchdog: boolean
  readonly quiet: boolean
  readonly verbose: boolean
}

// Options that are shorthands for limits on the process tree.
const TREE_LIMITS = { memory: 'process.footprint', cpu: 'process.cpu', procs: 'process.count' } as const

/** @throws UsageError */
export async function readSettings(words: readonly string[]): Promise<Settings> {
  const given = parseArguments(words, VERBS.run)
  const [command, ...args] = given.rest
  if (command === undefined) throw new UsageError('Say which command to run: tripline run [OPTION]... [--] COMMAND')
  const limits = await readLimits(given)
  if (given.has('enforce') && given.has('dry-run')) throw new UsageError('--enforce and --dry-run exclude each other')
  if (given.has('enforce')) await checkEnforced(limits)
  const wait = given.duration('wait') ?? 0
  const reserve = await readReservation(given)
  if (given.has('wait') && !given.has('start-when') && reserve.reserve === undefined)
    throw new UsageError('--wait needs --start-when or --reserve, which it limits')
  const statuses = ['exit-code', 'preserve-status', 'gnu-status'].filter((name) => given.has(name))
  if (statuses.length > 1) throw new UsageError(`--${statuses[0]} and --${statuses[1]} exclude each other`)
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
      cpuShare: readCpuShare(given.get('cpu-share')),
      restart: readRestart(given),
      backoff: given.duration('backoff') ?? 1000,
      keep: readKeep(given),
      enforce: given.has('enforce'),
      dryRun: given.has('dry-run'),
      record: readRecord(given),
      shared: descriptorsFor(args, process.env, given.all('fd')),
      // Peaks cost a thread and some reads, so they are sampled only if they are shown.
      peaks: given.has('report') || given.has('verbose') || limits !== undefined,
    },
    startWhen: await readConditions(given),
    wait: wait === 0 ? Infinity : wait,
    ...reserve,
    report: given.get('report'),
    exitCode: readExitCode(given.get('exit-code')),
    preserveStatus: given.has('preserve-status'),
    gnuStatus: given.has('gnu-status'),
    foreground: given.has('foreground'),
    watchdog: given.has('watchdog'),
    quiet: given.has('quiet'),
    verbose: given.has('verbose'),
  }
}

async function readReservation(given: ParsedArguments): Promise<Pick<Settings, 'reserve' | 'lane'>> {
  const [text, name] = [given.get('reserve'), given.get('lane')]
  if (text === undefined) {
    if (name !== undefined) throw new UsageError('--lane needs --reserve, which waits in it')
    return { reserve: undefined, lane: undefined }
  }
  const { readLane, readReserve } = await import('./reservation.js')
  return { reserve: readReserve(text), lane: name === undefined ? undefined : readLane(name) }
}

/** @throws UsageError */
function readRecord(given: ParsedArguments): RunRecording | undefined {
  const [file, lines] = [given.get('record'), given.get('record-stderr')]
  if (file === undefined) {
    if (lines !== undefined) throw new UsageError('--record-stderr needs --record, which it is about')
    return undefined
  }
  if (file === '') throw new UsageError('--record must name a file')
  if (lines !== undefined && !(/^\d{1,5}$/.test(lines) && Number(lines) >= 1 && Number(lines) <= 10_000))
    throw new UsageError(`--record-stderr must be a number of lines from 1 to 10000; received '${lines}'`)
  return { file, stderr: Number(lines ?? 0) }
}

/** @throws UsageError if there is nothing that the kernel can hold */
async function checkEnforced(limits: Limits | undefined): Promise<void> {
  const { thresholdsOf } = await import('../run/thresholds.js')
  if (thresholdsOf(limits) !== undefined) return
  throw new UsageError(
    '--enforce needs --memory, --procs or --cpu, without a duration, which the kernel then holds too',
  )
}

/** Loads the parser and the table of metrics only if there is something to parse. */
async function readLimits(given: ParsedArguments): Promise<Limits | undefined> {
  const shorthands = Object.entries(TREE_LIMITS).filter(([option]) => given.has(option))
  const cpuTime = given.duration('cpu-time') ?? 0
  const texts = given.all('limit')
  const onMissing = readOnMissing(given)
  if (given.has('on-missing') && texts.length === 0 && !given.has('start-when'))
    throw new UsageError('--on-missing needs --limit or --start-when, which it is about')
  if (shorthands.length === 0 && cpuTime === 0 && texts.length === 0) return undefined
  const { parseAbove, parseExpression, toLimits } = await import('../monitor/expression.js')
  return toLimits([
    ...shorthands.map(([option, metric]) =>
      parseAbove(`--${option}`, metric, given.get(option)!, option === 'memory' ? memoryHere : undefined),
    ),
    ...(cpuTime === 0 ? [] : [{ metric: 'process.cpuTime' as const, limit: { above: cpuTime } }]),
    ...texts.map((text) => {
      const { metric, limit } = parseExpression(text, refuseOurOwn)
      return { metric, limit: { ...limit, onMissing } }
    }),
  ])
}

async function readConditions(given: ParsedArguments): Promise<Limits | undefined> {
  const texts = given.all('start-when')
  if (texts.length === 0) return undefined
  const onMissing = readOnMissing(given)
  const { parseExpression, toLimits } = await import('../monitor/expression.js')
  return toLimits(
    texts.map((text) => {
      const { metric, limit } = parseExpression(text, refuseOurProcess('there is no command yet'))
      return { metric, limit: { ...limit, onMissing } }
    }),
  )
}

/** The memory of this machine, or the limit of the control group if that is lower, in bytes. */
function memoryHere(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Infinity)
}

/** Parses the share of one CPU. @throws UsageError */
function readCpuShare(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const [, number] = /^(\d+\.?\d*|\.\d+)%?$/.exec(text) ?? []
  if (number === undefined || Number(number) === 0) {
    throw new UsageError(`--cpu-share must be a percentage of one CPU such as 50; received '${text}'`)
  }
  return Number(number)
}

/** The number of restarts: none without the option, no bound without a number. @throws UsageError */
function readRestart(given: ParsedArguments): number {
  const text = given.get('restart')
  if (text === undefined) {
    if (given.has('backoff')) throw new UsageError('--backoff needs --restart, which it is about')
    return 0
  }
  if (!/^\d{0,9}$/.test(text))
    throw new UsageError(`--restart must be a number such as --restart=3; received '${text}'`)
  return text === '' ? Infinity : Number(text)
}

/** @throws UsageError */
function readKeep(given: ParsedArguments): boolean {
  const keep = given.has('keep')
  if (keep && process.platform === 'win32')
    throw new UsageError('--keep is not possible on Windows: a job object ends all')
  if (keep && given.duration('idle-output')) throw new UsageError('--keep and --idle-output exclude each other')
  return keep
}

/** Parses an exit status from 0 to 255. @throws UsageError */
function readExitCode(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,3}$/.test(text) || Number(text) > 255) {
    throw new UsageError(`--exit-code must be a number from 0 to 255; received '${text}'`)
  }
  return Number(text)
}

function readReaction(given: ParsedArguments): (typeof REACTIONS)[number] {
  const text = given.get('on-breach') ?? 'term'
  const found = REACTIONS.find((each) => each === text)
  if (found === undefined) throw new UsageError(`--on-breach must be term, pause or kill; received '${text}'`)
  return found
}

/** Parses a signal: `TERM`, `SIGTERM`, `sigterm`, `15` or `RTMIN+3`. @throws UsageError */
function readSignal(text: string): SignalName {
  const found = findSignal(text)
  if (found !== undefined) return found
  if (!/^[a-z]/i.test(text))
    throw new UsageError(`--signal must be a name such as TERM, or its number; received '${text}'`)
  const short = Object.keys(constants.signals).map((name) => name.slice(3))
  throw new UsageError(`${unknownName('signal', text, short).message} (--signal)`)
}
