/** The options of `run`, and their checks. */
import { inThisContext } from '../base/async-context.js'
import { loadBuiltin } from '../base/builtin.js'
import type { CancelableOptions } from '../cancelable/cancelable.js'
import { CANCELABLE_OPTIONS } from '../cancelable/options.js'
import { invalidChoice, invalidType, invalidValue, outOfRange } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import { Guard } from '../monitor/guard.js'
import type { Limits } from '../monitor/limits.js'
import { checkWhole, parseDuration, parsePercent, type Duration } from '../base/units.js'
import { readReservation, type RunReservation } from '../admit/request.js'
import type { RunEvent } from './result.js'
import { checkStderr, readRunRecording, type RunRecording, type RunRecordingPlan } from './recording.js'
import { readStreamOptions, STREAM_KEYS, type RunStreamOptions, type StreamSettings } from './stdio.js'
import { signalNumber, type SignalName } from './signals.js'
import { isAbortSignal } from '../sources/abort.js'
import { resourcesOf } from '../sources/resource.js'

/** The options of `run`, all optional: those of an operation, and its own. */
export interface RunOptions
  extends Omit<CancelableOptions, 'resources' | 'signal' | 'timeout' | LeftOut>, RunStreamOptions {
  /** Ends the command after this time; 0 means no timeout, as on the command line. @default none */
  timeout?: Duration | undefined
  /**
   * Limits on the command and on the machine, in which `process.*` means the command with all its processes; or a guard, whose
   * `process.*` means what it was made for.
   *
   * @default none
   */
  resources?: Limits | Guard | undefined
  /** Another name of `resources`. */
  limits?: Limits | Guard | undefined
  /**
   * Ends the command when it has written nothing for this long. Its stdout and stderr are then pipes, even on a terminal.
   *
   * @default Infinity
   */
  idleOutput?: Duration | undefined
  /** What a crossed limit does: end the command, pause it until the limit is clear again, or kill it. @default 'term' */
  onBreach?: 'term' | 'pause' | 'kill' | undefined
  /**
   * The signal that ends the command; on Linux also a real-time one, as in `'SIGRTMIN+3'`. An `AbortSignal`, as Node's own
   * functions take it, is one more source, the same as `abortSignal`.
   *
   * @default 'SIGTERM'
   */
  signal?: SignalName | AbortSignal | undefined
  /** The time from that signal to `SIGKILL`; `Infinity` never kills. @default 5 s */
  killAfter?: Duration | undefined
  /**
   * Holds the command with all its processes to this share of CPU time, in percent of one CPU, by pausing them for parts of
   * each second. A timeout goes on meanwhile. @default none
   */
  cpuShare?: number | `${number}%` | undefined
  /**
   * Runs the command again if a limit, the timeout or `idleOutput` has ended it: this many times at most, or without bound for
   * `true`. Each run has the whole timeout. Not with pipes, `capture` or `input`. @default 0
   */
  restart?: number | boolean | undefined
  /** The time before a restart. It doubles with each, up to five minutes, and starts over after a run of ten minutes. @default 1 s */
  backoff?: Duration | undefined
  /**
   * Leaves alone what the command has left behind when it ends by itself; limits no longer hold for that, and its output is no
   * longer captured. Not on Windows, and not with `idleOutput`. @default false
   */
  keep?: boolean | undefined
  /** Only reports what would have ended the command. @default false */
  dryRun?: boolean | undefined
  /** The working directory of the command: a path, or a `file:` URL. @default that of this process */
  cwd?: string | URL | undefined
  /** The environment of the command. Numbers become text. @default that of this process */
  env?: NodeJS.ProcessEnv | undefined
  /**
   * Makes the kernel hold the limits on `process.footprint`, `process.count`, `process.threads` and `process.cpu` too, behind
   * those of this library: `memory.max`, `pids.max` and `cpu.max` of a control group. Where that cannot be done, the command is
   * not started. Linux only; docs/cli.md says what it needs, and the slack of each limit. @default false
   */
  enforce?: boolean | undefined
  /** Keeps the command in this process's group, which it needs to read from a terminal. @default false */
  foreground?: boolean | undefined
  /** Whether to sample the command's peak usage. @default true */
  peaks?: boolean | undefined
  /**
   * Records the command and its tree into a file that outlives both, for `lastRun()` and `tripline explain`; the path of that file,
   * or more. Without limits, the sampling thread then runs too. @default none
   */
  record?: string | RunRecording | undefined
  /** Waits for a reservation before the command starts, and holds it until all its processes are gone. @default none */
  reserve?: RunReservation | undefined
  /** Called with each event as it happens. If it throws, the command is ended, and `run` rejects with that error. */
  onEvent?: ((event: RunEvent) => void) | undefined
}

export interface RunSettings {
  readonly command: string
  readonly args: readonly string[]
  readonly sources: CancelableOptions
  readonly limits: Limits | undefined
  readonly idle: number
  readonly onBreach: 'term' | 'pause' | 'kill'
  readonly signal: SignalName
  readonly killAfter: number
  /** In percent of one CPU; undefined for no bound. */
  readonly cpuShare: number | undefined
  /** How often it may be run again. */
  readonly restart: number
  /** The first wait before that, in milliseconds. */
  readonly backoff: number
  readonly keep: boolean
  readonly dryRun: boolean
  readonly cwd: string | undefined
  readonly env: NodeJS.ProcessEnv
  readonly isOwnEnv: boolean
  readonly streams: StreamSettings
  readonly enforce: boolean
  readonly foreground: boolean
  readonly peaks: boolean
  readonly notify: (event: RunEvent) => void
  readonly reserve: RunReservation | undefined
  readonly record: RunRecordingPlan | undefined
}

const OWN_KEYS = [
  'resources',
  'limits',
  'idleOutput',
  'onBreach',
  'signal',
  'killAfter',
  'cpuShare',
  'restart',
  'backoff',
  'keep',
  'dryRun',
  'cwd',
  'env',
  'enforce',
  'foreground',
  'peaks',
  'onEvent',
  'reserve',
  'record',
  ...STREAM_KEYS,
] as const
/** Options of operations that have no meaning here, or another name: `killAfter`, `idleOutput`. */
type LeftOut = 'grace' | 'idle' | 'onChildError'
const LEFT_OUT: readonly string[] = ['resources', 'signal', 'grace', 'idle', 'onChildError']
const SOURCE_KEYS = CANCELABLE_OPTIONS.filter((key) => !LEFT_OUT.includes(key))

/** The values of `onBreach`. */
export const REACTIONS = ['term', 'pause', 'kill'] as const

/** @throws TypeError, RangeError with Node's codes, naming the option */
export function readRunOptions(command: string, args: readonly string[], given: RunOptions): RunSettings {
  checkText(command, 'command argument')
  if (command === '') throw invalidValue('command argument', 'the name or the path of a program', command)
  if (!Array.isArray(args)) throw invalidType('args argument', 'an array of strings, which the options follow', args)
  // A copy, without holes: what was checked is what the command gets, however long it waits for a reservation.
  const words: readonly string[] = Array.from(args)
  words.forEach((each, index) => checkText(each, `args[${index}] argument`))
  const options = readOptions(given, 'option', [...OWN_KEYS, ...SOURCE_KEYS])
  const signal = isAbortSignal(options.signal) ? 'SIGTERM' : (options.signal ?? 'SIGTERM')
  const { onBreach = 'term', killAfter = 5000, idleOutput, cwd, env = process.env } = options
  if (!REACTIONS.includes(onBreach)) throw invalidChoice('onBreach', REACTIONS, onBreach)
  if (typeof signal !== 'string' || signalNumber(signal) === undefined) {
    throw invalidValue('signal', "the name of a signal, such as 'SIGTERM', or an AbortSignal", signal)
  }
  const [limits, guard] = splitResources(options)
  const record = options.record === undefined ? undefined : readRunRecording(options.record)
  return {
    command,
    args: words,
    sources: { ...readSources(options), ...(guard !== undefined && { resources: guard }) },
    limits,
    idle: idleOutput === undefined ? Infinity : parseDuration(idleOutput, 'idleOutput', true) || Infinity,
    onBreach,
    signal,
    killAfter: parseDuration(killAfter, 'killAfter', true),
    cpuShare: readShare(options.cpuShare),
    restart: readRestart(options),
    backoff: parseDuration(options.backoff ?? 1000, 'backoff'),
    keep: readKeep(options),
    dryRun: checkSwitch(options.dryRun, 'dryRun', false),
    cwd: cwd === undefined ? undefined : readFolder(cwd),
    env: readEnv(env),
    isOwnEnv: env === process.env,
    enforce: readEnforce(options),
    foreground: checkSwitch(options.foreground, 'foreground', false),
    peaks: checkSwitch(options.peaks, 'peaks', true),
    notify: readListener(options.onEvent),
    reserve: readReserve(options.reserve),
    record,
    // Last, because it may take hold of the input.
    streams: recordStderr(readStreamOptions(options), record),
  }
}

/** Where lines of stderr are recorded, stderr is a pipe that is passed on. */
function recordStderr(streams: StreamSettings, record: RunRecordingPlan | undefined): StreamSettings {
  if (record === undefined || record.lines === 0) return streams
  const [stdin, stdout, stderr, ...others] = streams.entries
  checkStderr(record.lines, stderr)
  return { ...streams, entries: [stdin!, stdout!, 'pipe', ...others], passed: stderr as number }
}

function readSources(options: RunOptions): CancelableOptions {
  const given = Object.entries(options).filter(([key]) => SOURCE_KEYS.includes(key as never))
  const { timeout = 0, ...others } = Object.fromEntries(given) as CancelableOptions
  if (isAbortSignal(options.signal)) others.signal = options.signal
  return parseDuration(timeout, 'timeout', true) === 0 ? others : { timeout, ...others }
}

/** Limits are bound to the command and act without JavaScript; a guard of the caller's is one more source of the operation. */
function splitResources(options: RunOptions): [limits: Limits | undefined, guard: Guard | undefined] {
  // Without limits, the code of guards stays unloaded.
  if (options.resources === undefined && options.limits === undefined) return [undefined, undefined]
  const resources = resourcesOf(options, 'limits')
  if (resources === undefined || !(resources instanceof Guard)) return [resources, undefined]
  if (options.onBreach === 'pause' || options.dryRun === true) {
    throw invalidValue('resources', "limits, not a guard, with onBreach: 'pause' or dryRun", resources)
  }
  return [undefined, resources]
}

function readFolder(cwd: unknown): string {
  const path = cwd instanceof URL ? loadBuiltin('node:url').fileURLToPath(cwd) : cwd
  checkText(path, 'cwd', 'a string or a URL')
  return path
}

/** System calls take text up to the first NUL, so a NUL would silently cut it off. */
function checkText(value: unknown, name: string, allowed: string = 'a string'): asserts value is string {
  if (typeof value !== 'string') throw invalidType(name, allowed, value)
  if (value.includes('\0')) throw invalidValue(name, 'without NUL characters', value)
}

/** Numbers become text, as in `child_process`. Read once, so that what was checked is what the command gets. */
function readEnv(env: unknown): NodeJS.ProcessEnv {
  if (typeof env !== 'object' || env === null || Array.isArray(env))
    throw invalidType('env', 'an object of strings', env)
  const variables = Object.entries(env).filter(([, value]) => value !== undefined)
  return Object.fromEntries(
    variables.map(([name, value]: [string, unknown]) => {
      checkText(name, 'env')
      // Windows keeps the folder of each drive in a variable such as "=C:".
      if (name.includes('=', 1)) throw invalidValue('env', 'without "=" in names', name)
      const text = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value
      checkText(text, `env.${name}`)
      return [name, text]
    }),
  )
}

function readListener(listener: RunOptions['onEvent'] = () => undefined): (event: RunEvent) => void {
  if (typeof listener !== 'function') throw invalidType('onEvent', 'a function', listener)
  return inThisContext(listener)
}

function readReserve(reserve: RunReservation | undefined): RunReservation | undefined {
  if (reserve === undefined) return undefined
  if (typeof reserve !== 'object' || reserve === null)
    throw invalidType('reserve', 'an object such as { memory, cpu }', reserve)
  const { lane, wait, ...request } = reserve
  readReservation(request, { lane, wait })
  return reserve
}

function readShare(share: RunOptions['cpuShare']): number | undefined {
  if (share === undefined) return undefined
  const percent = parsePercent(share, 'cpuShare', Infinity)
  if (percent <= 0) throw outOfRange('cpuShare', 'more than 0', share)
  return percent
}

function readRestart({ restart = 0, stdio, capture = false, input }: RunOptions): number {
  const wrong = typeof restart !== 'number' && typeof restart !== 'boolean'
  if (wrong) throw invalidType('restart', 'a number of restarts, or true for no bound', restart)
  const max = checkWhole(restart === true ? Infinity : Number(restart), 'restart', 0, Infinity, true)
  // A pipe ends with the first run.
  const pipes = capture || input !== undefined || [stdio].flat().includes('pipe')
  if (max > 0 && pipes) throw invalidValue('restart', 'left out with pipes, capture and input', restart)
  return max
}

function readKeep({ keep, idleOutput }: RunOptions): boolean {
  const keeps = checkSwitch(keep, 'keep', false)
  if (!keeps) return false
  if (process.platform === 'win32') throw invalidValue('keep', 'left out on Windows, where a job object ends all', keep)
  // What is left would write into a pipe that is read no more.
  if (idleOutput !== undefined && parseDuration(idleOutput, 'idleOutput', true) !== Infinity) {
    throw invalidValue('keep', 'left out with idleOutput', keep)
  }
  return true
}

function readEnforce({ enforce, dryRun }: RunOptions): boolean {
  const does = checkSwitch(enforce, 'enforce', false)
  if (does && dryRun === true) throw invalidValue('enforce', 'false with dryRun, which only reports', enforce)
  return does
}

function checkSwitch(value: boolean | undefined, name: string, otherwise: boolean): boolean {
  if (value !== undefined && typeof value !== 'boolean') throw invalidType(name, 'true or false', value)
  return value ?? otherwise
}
