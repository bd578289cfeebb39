/** What the server sends to the page, as JSON. Types only: the page is compiled apart from the rest. */

/** About the program; it does not change. */
export interface About {
  readonly title: string
  readonly host: string
  readonly pid: number
  readonly node: string
  readonly tripline: string
  /** Time between two samples, in milliseconds. */
  readonly interval: number
  /** How many samples are kept. */
  readonly samples: number
  /** Whether the page has parts for these: what the program does not have is not shown as missing. */
  readonly hasOperations: boolean
  readonly hasCommands: boolean
}

/** A line that a guard draws on a metric. */
export interface Line {
  readonly guard: string
  readonly direction: 'above' | 'below'
  /** In the metric's unit. */
  readonly value: number
  /** `> 90.0% for 2s`. */
  readonly text: string
}

/** A metric with its history. */
export interface Column {
  /** The metric with its selector and window: `disk(/data)`. */
  readonly text: string
  readonly unit: string
  readonly help: string
  /** The end of the scale; null if it has none. */
  readonly max: number | null
  /** One per time of the message; null where there was none. */
  readonly values: readonly (number | null)[]
}

/** A metric that this machine does not have. */
export interface Missing {
  readonly text: string
  readonly why: string
}

export type State = 'clear' | 'pending' | 'breached' | 'clearing' | 'unavailable'

/** A limit or condition of a guard. */
export interface Rule {
  readonly text: string
  /** The place of its metric in the columns; null for a condition, or a metric without a column. */
  readonly column: number | null
}

export interface GuardView {
  readonly key: number
  readonly name: string
  readonly state: State
  readonly dryRun: boolean
  readonly all: boolean
  readonly breaches: number
  readonly rules: readonly Rule[]
}

export interface Frame {
  readonly function: string
  readonly file: string
  readonly line: number
  readonly column: number
}

/** What was written as evidence: a file, or why there is no file. */
export interface EvidenceView {
  readonly kind: string
  readonly file?: string
  readonly why?: string
}

export interface Proof {
  /** In one line, as `describeBreach` has it. */
  readonly text: string
  readonly metric: string
  readonly unit: string
  readonly value: number | null
  readonly limit: number | null
  readonly origin: string
  /** The last values up to the breach, oldest first. */
  readonly recent: readonly (number | null)[]
  readonly stack?: readonly Frame[]
}

export interface BreachView {
  readonly key: number
  /** The key of the guard. */
  readonly guardKey: number
  readonly guard: string
  readonly dryRun: boolean
  /** On the wall clock, in milliseconds, as all times of a message. */
  readonly since: number
  readonly at: number
  /** When it was over; null while it is not. */
  readonly until: number | null
  readonly proofs: readonly Proof[]
  readonly evidence?: readonly EvidenceView[]
}

export interface OperationView {
  readonly id: string
  readonly name: string
  readonly status: string
  /** 1 for a root. */
  readonly level: number
  readonly startedAt: number | null
  readonly deadline: number | null
  /** Why it was canceled; empty if it was not. */
  readonly reason: string
  /** Its latest report of progress; empty without one. */
  readonly progress: string
  /** From 0 to 1; null if it is not known. */
  readonly fraction: number | null
}

export interface EndedView {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly endedAt: number | null
  /** In milliseconds. */
  readonly elapsed: number | null
  /** Its reason or error. */
  readonly why: string
}

export interface OperationsView {
  /** Each parent before its children. */
  readonly list: readonly OperationView[]
  /** How many are registered; there may be more than are listed. */
  readonly active: number
  readonly ended: Readonly<Record<string, number>>
  /** Median and 99th percentile, in milliseconds; null before the first has ended. */
  readonly p50: number | null
  readonly p99: number | null
  /** The latest that have ended, newest first. */
  readonly recent: readonly EndedView[]
}

export interface ProcessView {
  readonly pid: number
  readonly level: number
  readonly name: string
  /** The whole command line; only where it was asked for. */
  readonly line?: string
}

export interface CommandView {
  readonly pid: number
  readonly name: string
  readonly line?: string
  readonly startedAt: number | null
  readonly paused: boolean
  /** Percent of one CPU, bytes and a count, of all its processes; null if not known. */
  readonly cpu: number | null
  readonly memory: number | null
  readonly processes: number | null
  /** Its processes, where they can be listed. */
  readonly tree: readonly ProcessView[]
  /** Why they are not listed; empty if they are. */
  readonly why: string
}

export interface LimiterView {
  readonly name: string
  readonly limit: number
  readonly min: number
  readonly max: number
  readonly active: number
  readonly waiting: number
  readonly closed: boolean
}

export interface TickerView {
  readonly name: string
  readonly state: string
  /** In milliseconds. */
  readonly period: number
  readonly ticks: number
  readonly missed: number
  /** In milliseconds; null before the first tick. */
  readonly late: number | null
}

export interface RecordingView {
  readonly file: string
  readonly interval: number
  readonly closed: boolean
}

/** What this process's sampling thread costs. */
export interface CostView {
  /** Percent of one CPU. */
  readonly cpu: number
  readonly wakeups: number
}

/** The parts of the page beside the metrics. One that has not changed is left out of an update. */
export interface Parts {
  /** The lines on each column. */
  readonly lines: readonly (readonly Line[])[]
  /** Why columns have no value now, by their places. */
  readonly why: Readonly<Record<number, string>>
  readonly guards: readonly GuardView[]
  readonly breaches: readonly BreachView[]
  readonly operations: OperationsView | null
  readonly commands: readonly CommandView[]
  readonly limiters: readonly LimiterView[]
  readonly tickers: readonly TickerView[]
  readonly recording: RecordingView | null
  readonly cost: CostView | null
}

/** Everything: after a connection, and when the columns have changed. Event `state`. */
export interface StateMessage extends Parts {
  /** The wall clock of the server. */
  readonly now: number
  readonly about: About
  /** Whether the times go on where those that the page has end. */
  readonly more: boolean
  readonly times: readonly number[]
  readonly columns: readonly Column[]
  readonly missing: readonly Missing[]
}

/** One sample, and what has changed since the one before. Event `update`. */
export interface UpdateMessage extends Partial<Parts> {
  readonly now: number
  /** When it was taken; absent if this message brings no sample. */
  readonly time?: number
  readonly values?: readonly (number | null)[]
}
