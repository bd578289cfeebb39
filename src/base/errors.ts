/** Error classes and codes: invalid arguments and tripline's own errors. */
import { printable } from './printable.js'

/** The codes of tripline's own errors; invalid arguments carry Node's codes. */
export type TriplineErrorCode =
  | 'ERR_TRIPLINE_CANCELED'
  | 'ERR_TRIPLINE_METRIC_UNAVAILABLE'
  | 'ERR_TRIPLINE_NATIVE_MISSING'
  | 'ERR_TRIPLINE_NOT_STARTED'
  | 'ERR_TRIPLINE_NOT_RESERVED'
  | 'ERR_TRIPLINE_RECORDING_UNREADABLE'
  | 'ERR_TRIPLINE_NOT_ADMITTED'
  | 'ERR_TRIPLINE_NOT_RECORDED'
  | 'ERR_TRIPLINE_REUSED'
  | 'ERR_TRIPLINE_DUPLICATE_ID'
  | 'ERR_TRIPLINE_WORKER_EXITED'
  | 'ERR_TRIPLINE_PEER_MISSING'
  | 'ERR_TRIPLINE_OVERLOADED'
  | 'ERR_TRIPLINE_WATCHDOG'
  | 'ERR_TRIPLINE_PREEMPTION_UNAVAILABLE'

type NodeCode = 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE' | 'ERR_OUT_OF_RANGE' | 'ERR_INVALID_STATE'

function withCode<E extends Error, C extends NodeCode | TriplineErrorCode>(error: E, code: C): E & { code: C } {
  return Object.assign(error, { code })
}

/** What each argument error allows, for messages that name another subject than an option. */
const allowedValues = new WeakMap<object, string>()

/** What an argument error says that the value must be; undefined for other errors. */
export function allowedBy(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null ? allowedValues.get(error) : undefined
}

function allowing<E extends Error>(error: E, allowed: string): E {
  allowedValues.set(error, allowed)
  return error
}

const ARGUMENT = ' argument'

/** `'timeout'` is an option, and `'body argument'` an argument of the function. */
function subjectOf(name: string): string {
  return name.endsWith(ARGUMENT) ? `"${name.slice(0, -ARGUMENT.length)}" argument` : `"${name}" option`
}

/** `TypeError [ERR_INVALID_ARG_TYPE]`: the option, or the argument, has a value of the wrong type. */
export function invalidType(name: string, allowed: string, given: unknown): TypeError {
  const error = new TypeError(`The ${subjectOf(name)} must be ${allowed}. Received ${describe(given)}`)
  return allowing(withCode(error, 'ERR_INVALID_ARG_TYPE'), allowed)
}

/** `TypeError [ERR_INVALID_ARG_VALUE]`: the type is right, but the value makes no sense; or several were given for one. */
export function invalidValue(name: string, allowed: string, ...given: readonly unknown[]): TypeError {
  return valueError(name, allowed, given)
}

// All of the message is there from the start, because Node prints that of an uncaught error.
function valueError(name: string, allowed: string, given: readonly unknown[], more: string = ''): TypeError {
  const received = given.map(describe).join(', ')
  const error = new TypeError(`The ${subjectOf(name)} must be ${allowed}. Received ${received}${more}`)
  return allowing(withCode(error, 'ERR_INVALID_ARG_VALUE'), allowed)
}

/**
 * `TypeError [ERR_INVALID_ARG_VALUE]`: not one of these texts. The message suggests the nearest.
 *
 * @param more what is allowed beside them
 */
export function invalidChoice(name: string, choices: readonly string[], given: unknown, more?: string): TypeError {
  const all = [...choices.map((each) => `'${each}'`), ...(more === undefined ? [] : [more])]
  const nearest = typeof given === 'string' ? nearestName(given, choices) : undefined
  const hint = nearest === undefined ? '' : `. Did you mean '${nearest}'?`
  return valueError(name, [all.slice(0, -1).join(', '), all.at(-1)].filter(Boolean).join(' or '), [given], hint)
}

/** `RangeError [ERR_OUT_OF_RANGE]`: the number is outside the allowed range. */
export function outOfRange(name: string, allowed: string, given: unknown): RangeError {
  const error = new RangeError(
    `The ${subjectOf(name)} is out of range: it must be ${allowed}. Received ${describe(given)}`,
  )
  return allowing(withCode(error, 'ERR_OUT_OF_RANGE'), allowed)
}

/** `Error [ERR_INVALID_STATE]`: the call is right, but not now. */
export function invalidState(message: string): Error {
  return withCode(new Error(message), 'ERR_INVALID_STATE')
}

/** `Error [ERR_TRIPLINE_NOT_STARTED]`: the system refuses what is needed to start something. */
export function notStarted(message: string): Error {
  return withCode(new Error(message), 'ERR_TRIPLINE_NOT_STARTED')
}

/**
 * `TypeError [ERR_INVALID_ARG_VALUE]`: a name that is not one of `known`. The message suggests the one that is meant by it
 * elsewhere, as `elsewhere` has it in small letters, or else the nearest.
 */
export function unknownName(
  what: string,
  given: string,
  known: readonly string[],
  elsewhere: Readonly<Record<string, string>> = OPTIONS_ELSEWHERE,
): TypeError {
  const nearest = sameThing(given, known, elsewhere) ?? nearestName(given, known)
  const hint = nearest === undefined ? `Known are: ${known.join(', ')}` : `Did you mean '${nearest}'?`
  return withCode(new TypeError(`Unknown ${what} '${printable(given)}'. ${hint}`), 'ERR_INVALID_ARG_VALUE')
}

/** Text that cannot be read; the message is followed by the text with a caret under the place. */
export class ExpressionError extends TypeError {
  /** The code of other arguments that make no sense. */
  readonly code = 'ERR_INVALID_ARG_VALUE' as const
  readonly lines: readonly string[]

  constructor(...lines: readonly string[]) {
    super(lines.join('\n'))
    this.lines = lines
  }
}

/**
 * Throws for the first own key of `options` that is not in `known`.
 *
 * @param what how the message calls an entry: `'option'`, `'limit option'`
 */
export function checkKeys(options: object, what: string, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw unknownName(what, key, known)
  }
}

/** What the error of a missing metric says where `onMissing` can allow it. @internal */
export const ON_MISSING_ADVICE = ". With onMissing: 'ignore', that is no error"

/** A metric that this machine does not have, or does not have now; or a condition whose check fails. */
export class MetricUnavailableError extends Error {
  /** The code of this class. */
  readonly code = 'ERR_TRIPLINE_METRIC_UNAVAILABLE' as const
  /** The name of the metric, or of the condition. */
  readonly metric: string
  /** Human-readable reason: `'open /proc/pressure/cpu: ENOENT (kernel without PSI)'`. */
  readonly why: string

  /** For the library; its users catch this error. */
  constructor(metric: string, why: string, options: ErrorOptions = {}, advice: string = '') {
    const reason = printable(why)
    super(`The metric '${metric}' is unavailable here: ${reason}${advice}`, options)
    this.metric = metric
    this.why = reason
  }
  static {
    this.prototype.name = 'MetricUnavailableError'
  }
}

/** A condition of a guard whose check failed, so that it is not known whether it holds. The `cause` is the error of the check. */
export class ConditionUnknownError extends MetricUnavailableError {
  /** For the library; its users catch a {@link MetricUnavailableError}. */
  constructor(condition: string, why: string, cause: unknown) {
    super(condition, why, { cause })
    this.message = `The check of the condition '${printable(condition)}' failed: ${this.why}`
  }
}

function helpWith(cause: unknown, none: boolean): string {
  const { code, name, resource } = (cause ?? {}) as { code?: unknown; name?: unknown; resource?: unknown }
  // Deno's own message names the flag to use.
  if (code === BUNDLED || code === ADDON_NAMED || name === 'NotCapable') return ''
  if (code === NOT_COPIED) {
    return (
      ' A file tracer or a copying step left it out: add node_modules/tripline/prebuilds to its files (Next: ' +
      'outputFileTracingIncludes), or name the binary by TRIPLINE_ADDON.'
    )
  }
  if (code === 'ERR_DLOPEN_DISABLED') {
    const modeled = (process as { permission?: unknown }).permission !== undefined
    return ` To allow it: start node ${modeled ? 'with --allow-addons' : 'without --no-addons'}.`
  }
  if (code === 'ERR_ACCESS_DENIED') return ` To allow it: start node with --allow-fs-read=${String(resource)} as well.`
  return (
    ` ${none ? 'To build it' : 'Installing tripline anew may help; to build the addon'}: install python3, make and a C++17 ` +
    'compiler, then run `npm install --no-save node-addon-api` and `npx --yes node-gyp rebuild -C ' +
    'node_modules/tripline/native` where tripline is installed.'
  )
}

/** Error code: the package was bundled, so its addon cannot be found. */
export const BUNDLED = 'ERR_BUNDLED'
/** Error code: the file that TRIPLINE_ADDON names cannot be loaded. */
export const ADDON_NAMED = 'ERR_ADDON_NAMED'
/** Error code: the package was copied without its binaries. */
export const NOT_COPIED = 'ERR_NOT_COPIED'

/** The file of the addon cannot be used; the message says why. */
export class AddonFileError extends Error {
  readonly code: string

  constructor(message: string, code: string, cause: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** The compiled addon could not be loaded. Only limits, metrics, tickers and commands need it. */
export class NativeMissingError extends Error {
  /** The code of this class. */
  readonly code = 'ERR_TRIPLINE_NATIVE_MISSING' as const
  /** The platform and architecture of the missing addon: `'linux-x64'`. */
  readonly platform: string

  /**
   * For the library; its users catch this error.
   *
   * @param cause the error of searching for or loading the addon
   */
  constructor(platform: string, cause: unknown) {
    const said = cause instanceof Error ? cause.message : String(cause)
    const none = said.startsWith('No native build was found')
    // This message has two lines, the second of which is the folder. Other messages continue with a stack.
    const why = none ? said.trim().replace(/\s*\n\s*/, ', ') : said.split('\n', 1)[0]!
    super(
      `tripline ${none ? 'has no' : 'cannot load its'} compiled addon for ${platform} (${why}). Timeouts, tokens, signals ` +
        `and conditions work without it; resource limits, metrics and tickers do not.${helpWith(cause, none)}`,
      { cause },
    )
    this.platform = platform
  }
  static {
    this.prototype.name = 'NativeMissingError'
  }
}

/** A command could not be started: it does not exist, may not be run, or this system cannot keep track of its processes. */
export class CommandNotStartedError extends Error {
  /** The code of this class. */
  readonly code = 'ERR_TRIPLINE_NOT_STARTED' as const
  /** The command, as given. */
  readonly command: string
  /** Why it could not be started; `unsupported` means that this system lacks what `run` needs,
   * `unenforceable` that no control group can be made for `enforce`. */
  readonly kind: 'not-found' | 'not-executable' | 'unsupported' | 'unenforceable' | 'other'

  /** @param there whether the file itself was found, but not something that it needs */
  constructor(command: string, kind: CommandNotStartedError['kind'], why: string, there: boolean = false) {
    const notFound = kind === 'not-found' && !there
    const name = printable(command)
    // As a shell would take it: `run` starts no shell, so all of it is the name of a file.
    const hint = /^[^\s/]+\s/.test(command) ? '. Arguments are given separately from the command' : ''
    super(notFound ? `${name}: command not found${hint}` : `${name}: cannot be run (${printable(why)})`)
    this.command = command
    this.kind = kind
  }
  static {
    this.prototype.name = 'CommandNotStartedError'
  }
}

/** A reservation was not granted; the message says what is free, and what others hold. */
export class NotReservedError extends Error {
  /** The code of this class. */
  readonly code = 'ERR_TRIPLINE_NOT_RESERVED' as const
  /**
   * Why: `wait`, the longest wait is over; `folder`, the folder of reservations cannot be used; `locks`, its file system
   * or this runtime cannot lock files; `many`, this process has too many open reservations.
   */
  readonly kind: 'wait' | 'folder' | 'locks' | 'many'

  /** For the library; its users catch this error. */
  constructor(kind: NotReservedError['kind'], why: string) {
    super(`Nothing was reserved: ${printable(why)}`)
    this.kind = kind
  }
  static {
    this.prototype.name = 'NotReservedError'
  }
}

/** A file cannot be read as a recording; the message says why. */
export class UnreadableRecordingError extends Error {
  /** The code of this class. */
  readonly code = 'ERR_TRIPLINE_RECORDING_UNREADABLE' as const
  /** The file, as given. */
  readonly file: string
  /**
   * Why: `not-found`, `not-allowed` and `other` are errors of the system; `not-a-file` is a directory, device, pipe, socket
   * or symbolic link; `not-a-recording`, the file has another format; `version`, another version of the format; `truncated`
   * and `too-large`, its size; `damaged`, its header is wrong.
   */
  readonly kind:
    | 'not-found'
    | 'not-allowed'
    | 'not-a-file'
    | 'not-a-recording'
    | 'version'
    | 'truncated'
    | 'too-large'
    | 'damaged'
    | 'other'

  /** For the library; its users catch this error. */
  constructor(kind: UnreadableRecordingError['kind'], file: string, why: string, options: ErrorOptions = {}) {
    super(`The recording '${printable(file)}' cannot be read: ${printable(why)}`, options)
    this.file = file
    this.kind = kind
  }
  static {
    this.prototype.name = 'UnreadableRecordingError'
  }
}

/** A limiter did not run a function: its queue is full, the longest wait is over, or it was closed. */
export class NotAdmittedError extends Error {
  /** The code of this class. */
  readonly code = 'ERR_TRIPLINE_NOT_ADMITTED' as const
  /**
   * Why: `full`, as many wait as may wait; `displaced`, the same, and one of a higher priority has taken the place; `wait`,
   * the longest wait is over; `closed`, the limiter was closed.
   */
  readonly kind: 'full' | 'displaced' | 'wait' | 'closed'

  /** For the library; its users catch this error. */
  constructor(kind: NotAdmittedError['kind'], why: string) {
    super(`Not admitted: ${printable(why)}`)
    this.kind = kind
  }
  static {
    this.prototype.name = 'NotAdmittedError'
  }
}

/** A recording could not be started; nothing was changed. */
export class NotRecordedError extends Error {
  /** The code of this class. */
  readonly code = 'ERR_TRIPLINE_NOT_RECORDED' as const
  /**
   * Why: `shared`, another process or thread is writing that file; `file`, there is something else by that name, which is not
   * replaced; `full`, the disk, the quota or `RLIMIT_FSIZE` has no room for the whole file; `read-only`, the file system or its
   * permissions do not allow it; `folder`, the folder of recordings cannot be used; `system`, another error of the system.
   */
  readonly kind: 'shared' | 'file' | 'full' | 'read-only' | 'folder' | 'system'

  /** For the library; its users catch this error. */
  constructor(kind: NotRecordedError['kind'], why: string, options: ErrorOptions = {}) {
    super(`Nothing is recorded: ${printable(why)}`, options)
    this.kind = kind
  }
  static {
    this.prototype.name = 'NotRecordedError'
  }
}

/** Functions cannot be ended in this runtime, so `preemptible` has not called its function. */
export class PreemptionUnavailableError extends Error {
  /** The code of this class. */
  readonly code = 'ERR_TRIPLINE_PREEMPTION_UNAVAILABLE' as const
  /** Human-readable reason, which names what is missing. */
  readonly why: string

  /** For the library; its users catch this error. */
  constructor(why: string) {
    super(`preemptible() is unavailable here: ${printable(why)}`)
    this.why = printable(why)
  }
  static {
    this.prototype.name = 'PreemptionUnavailableError'
  }
}

/** An operation was started a second time, or after it had ended. Each operation runs once. */
export class ReusedError extends Error {
  /** The code of this class. */
  readonly code = 'ERR_TRIPLINE_REUSED' as const

  /** For the library; its users catch this error. */
  constructor(status: string) {
    super(`An operation can be started once, and this one is ${status}. Make a new one for every run`)
  }
  static {
    this.prototype.name = 'ReusedError'
  }
}

/** An operation has the id of another one that is registered in the same registry. */
export class DuplicateIdError extends Error {
  /** The code of this class. */
  readonly code = 'ERR_TRIPLINE_DUPLICATE_ID' as const
  /** The id. */
  readonly id: string

  /** For the library; its users catch this error. */
  constructor(id: string) {
    super(
      `Another operation with the id '${printable(id)}' is registered. Give each its own, or leave the ids to the library`,
    )
    this.id = id
  }
  static {
    this.prototype.name = 'DuplicateIdError'
  }
}

/** The thread of `runInWorker` ended before its job: it called `process.exit()`, or was terminated. */
export class WorkerExitedError extends Error {
  /** The code of this class. */
  readonly code = 'ERR_TRIPLINE_WORKER_EXITED' as const
  /** The exit status of the thread; 1 if it was terminated. */
  readonly exitCode: number

  /** For the library; its users catch this error. */
  constructor(exitCode: number) {
    super(`The worker thread ended with status ${exitCode} before its job had`)
    this.exitCode = exitCode
  }
  static {
    this.prototype.name = 'WorkerExitedError'
  }
}

/** An integration needs a package that is not installed. The `cause` is the error of loading it. */
export class PeerMissingError extends Error {
  /** The code of this class. */
  readonly code = 'ERR_TRIPLINE_PEER_MISSING' as const
  /** The package: `'prom-client'`. */
  readonly peer: string

  /** For the library; its users catch this error. */
  constructor(peer: string, integration: string, cause: unknown) {
    super(`'${integration}' needs the package '${peer}', which is not installed: npm install ${peer}`, { cause })
    this.peer = peer
  }
  static {
    this.prototype.name = 'PeerMissingError'
  }
}

/** A watchdog could not be made, or could not send what the program reported. */
export class WatchdogError extends Error {
  /** The code of this class. */
  readonly code = 'ERR_TRIPLINE_WATCHDOG' as const
  /**
   * What is wrong: `environment`, a variable of the service manager; `period`, a period that is too short to be kept; `device`,
   * the device, or what it is not; `nowayout`, the device could not be stopped again; `open`, this process has a watchdog
   * already; `send`, the service manager cannot be reached; `unsupported`, this system has no watchdog.
   */
  readonly kind: 'environment' | 'period' | 'device' | 'nowayout' | 'open' | 'send' | 'unsupported'

  /** For the library; its users catch this error. */
  constructor(kind: WatchdogError['kind'], why: string) {
    super(`Watchdog: ${printable(why)}`)
    this.kind = kind
  }
  static {
    this.prototype.name = 'WatchdogError'
  }
}

/** Describes a value as Node's own argument errors do. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return `'${printable(value.length > 60 ? `${value.slice(0, 60)}...` : value)}'`
  if (typeof value === 'function') return `function ${value.name}`
  if (typeof value === 'object') return `an instance of ${value.constructor?.name ?? 'Object'}`
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'boolean') return `type boolean (${value})`
  if (typeof value === 'symbol') return value.toString()
  return `${value as number | undefined}`
}

/** What options are called elsewhere: in this library's own types, by other libraries, and in its manual. */
const OPTIONS_ELSEWHERE = {
  limits: 'resources',
  limit: 'resources',
  guards: 'resources',
  guard: 'resources',
  hysteresis: 'clear',
}

/** The known name for the same thing, which may look quite different, or the only one with this last part. */
function sameThing(
  given: string,
  known: readonly string[],
  elsewhere: Readonly<Record<string, string>>,
): string | undefined {
  const name = given.toLowerCase()
  const same = Object.hasOwn(elsewhere, name) ? elsewhere[name]! : undefined
  if (same !== undefined && known.includes(same)) return same
  const ends = known.filter((each) => each.toLowerCase().endsWith(`.${name}`))
  return ends.length === 1 ? ends[0] : undefined
}

function nearestName(given: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(given.length / 2.5)) + 1
  for (const name of known) {
    const distance = editDistance(given.toLowerCase(), name.toLowerCase(), bestDistance)
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** Levenshtein distance; gives up at `limit`, so that a long wrong name costs little. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitute = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(substitute, previous[j]! + 1, row[j - 1]! + 1)
    }
    previous = row
  }
  return previous[b.length]!
}
