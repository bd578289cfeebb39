/** What a recording says of its run: why it ended, and what it was doing. */
import type { MetricText } from '../monitor/metric-text.js'
import { collectEvidence } from './evidence.js'
import { guardsAt, type GuardAtEnd } from './guards-at-end.js'
import type { RecordedFile, RecordedOperation, Skipped } from './reader.js'
import { toRows, trendsOf, type RecordedMetric } from './trends.js'
import { judge, type RunVerdict } from './verdict.js'

/** The values of one moment, as `simulate()` of `tripline/testing` takes them. */
export interface RecordedSample {
  /** In milliseconds since 1970. */
  readonly time: number
  /** By metric, in its unit; `null` if it was not known. */
  readonly values: { readonly [metric in MetricText]?: number | null }
}

/** A blocked event loop. */
export interface RecordedBlock {
  /** For how long it had been blocked when the stack was taken, in milliseconds. */
  readonly lasted: number
  /** The stack of the code that blocked it. */
  readonly stack: string
}

/** A run that was recorded: how it ended, and what it was doing. */
export interface LastRun extends RunVerdict {
  /** The recording. */
  readonly file: string
  /** One sentence on how it ended: `"The kernel's out-of-memory killer likely ended it."`. */
  readonly message: string
  /** The path of the main module, or the name of the command. */
  readonly program: string
  /** Whether the process recorded itself, or `tripline run` a command. */
  readonly of: 'process' | 'command'
  /** The id of the process. */
  readonly pid: number
  /** The number of the thread; 0 is the main thread. */
  readonly thread: number
  /** With its version: `'node 24.1.0'`. */
  readonly runtime: string
  /** `'linux-x64'`. */
  readonly platform: string
  /** When the recording began, in milliseconds since 1970. */
  readonly startedAt: number
  /** The last sign of life, in milliseconds since 1970. */
  readonly lastSeenAt: number
  /** The time between two rows, in milliseconds. */
  readonly interval: number
  /** All values, oldest first: `await simulate({ memory: 90 }, run.samples)`. */
  readonly samples: readonly RecordedSample[]
  /** The metrics in the last minute. */
  readonly metrics: readonly RecordedMetric[]
  /** How long the event loop had not answered at the end, in milliseconds; `undefined` if that was not observed. */
  readonly silence: number | undefined
  /** Where it was blocked at the end, as far as that is known. */
  readonly blocked: RecordedBlock | undefined
  /** The operations under way at the end. */
  readonly operations: readonly RecordedOperation[]
  /** How many operations were under way, including those that are not described. */
  readonly underWay: number
  /** The guards of the process, with their states at the end. */
  readonly guards: readonly GuardAtEnd[]
  /** The last lines that the command wrote to stderr, if they were recorded. */
  readonly stderr: readonly string[]
  /** Parts of the file that could not be used. */
  readonly skipped: Skipped
}

/** Everything that a recording says of its run. */
export function describeRun(content: RecordedFile): LastRun {
  const { file, info, end, rows, skipped } = content
  const verdict = judge(content, collectEvidence(content))
  const row = rows.at(-1)
  // The clock of the rows keeps its pace; the wall clock may have been set meanwhile.
  const toWall = (at: number): number => end.wall + (at - end.at)
  return {
    ...verdict,
    file,
    message: messageOf(verdict),
    program: info.program,
    of: info.of,
    pid: pidOf(content),
    thread: info.thread,
    runtime: info.runtime,
    platform: info.platform,
    startedAt: info.wall,
    lastSeenAt: end.wall,
    interval: info.interval,
    samples: toRows(content).map(({ time, values }) => ({ time: toWall(time), values: toValues(values) })),
    metrics: trendsOf(content),
    silence: row?.silence,
    blocked: blockedAtEnd(content),
    operations: content.operations.length > 0 ? content.operations : (row?.operations ?? []),
    underWay: Math.max(row?.underWay ?? 0, content.operations.length),
    guards: guardsAt(content),
    stderr: content.lines.map(({ text }) => text),
    skipped,
  }
}

/** That of the recorded process, which is another one than the recorder's if a command is recorded. */
function pidOf({ info, states }: RecordedFile): number {
  return states.findLast(({ kind, number }) => kind === 'running' && number > 0)?.number ?? info.pid
}

function toValues(values: ReadonlyMap<string, number>): RecordedSample['values'] {
  return Object.fromEntries([...values].map(([key, value]) => [key, Number.isNaN(value) ? null : value]))
}

/** The last block, if the loop has not answered since. */
function blockedAtEnd({ entries, end, rows, info }: RecordedFile): RecordedBlock | undefined {
  const last = entries.findLast(({ kind }) => kind === 'blocked')
  if (last === undefined) return undefined
  const silence = rows.at(-1)?.silence ?? 0
  const since = end.at - silence - 2 * info.interval
  return last.at >= since ? { lasted: last.a ?? 0, stack: last.text } : undefined
}

/** One sentence on how a run ended. */
function messageOf({ end, certainty, exitCode, signal, error }: RunVerdict): string {
  const likely = certainty === 'likely' ? 'likely ' : ''
  switch (end) {
    case 'clean':
      return `It ${likely}ended by itself, with the exit code 0.`
    case 'exit':
      return `It ${likely}ended with the exit code ${exitCode}.`
    case 'error':
      return `An error that nothing caught ${likely}ended it: ${error}.`
    case 'signal':
      return `${signal} ended it.`
    case 'oom':
      return `The kernel's out-of-memory killer ${likely}ended it.`
    case 'reboot':
      return `It ${likely}ended with the machine, which lost its power or was booted again.`
    case 'closed':
      return 'It closed the recording; its own end was not recorded.'
    case 'running':
      return 'It is still running.'
    case 'unknown':
      return 'What ended it is not known: it left no mark, as with SIGKILL.'
  }
}
