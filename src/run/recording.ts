/** Records a command and its tree, as its supervisor sees them. */
import type { Readable, Writable } from 'node:stream'
import { loadBuiltin } from '../base/builtin.js'
import { invalidType, invalidValue } from '../base/errors.js'
import type { OomKill } from '../base/oom.js'
import { readOptions } from '../base/options.js'
import { checkWhole, type Duration } from '../base/units.js'
import type { MetricName } from '../addon/metrics.js'
import { checkMetric, toSeriesKey } from '../monitor/selectors.js'
import { openAvailable, readSpan } from '../record/record.js'
import { startRecording, type Recording, type RecordingPlan } from '../record/recording.js'
import type { CommandExit } from './command.js'
import { LineSplitter } from './line-splitter.js'
import { nameOf } from './reservation.js'
import { signalNumber } from './signals.js'

/** The option `record` of a run. */
export interface RunRecording {
  /** The file, as in `record()`. @default a file in the folder of recordings */
  file?: string | undefined
  /** How far back it goes. @default 10 minutes */
  last?: Duration | undefined
  /** Time between two rows, 10 ms or more. @default 1 s */
  interval?: Duration | undefined
  /**
   * How many of the last lines of stderr are recorded, at most 10,000. They may contain secrets. Each is cut to 206 bytes. The
   * command's stderr is then a pipe, even on a terminal, and is passed on.
   *
   * @default 0
   */
  stderr?: number | undefined
}

/** The option, checked. */
export type RunRecordingPlan = Pick<RecordingPlan, 'file' | 'interval' | 'rows' | 'lines'>

const KEYS = ['file', 'last', 'interval', 'stderr']
const MAX_LINES = 10_000
/** Of the tree. */
const TREE: readonly MetricName[] = [
  'process.footprint',
  'process.rss',
  'process.cpu',
  'process.count',
  'process.threads',
  'process.read',
  'process.write',
]
const MACHINE: readonly MetricName[] = ['memory', 'memory.available', 'cpu', 'pressure.memory', 'pressure.io']

/** @throws TypeError, RangeError with Node's codes */
export function readRunRecording(given: string | RunRecording): RunRecordingPlan {
  const wrong = typeof given !== 'string' && (typeof given !== 'object' || given === null)
  if (wrong) throw invalidType('record', 'a path, or an object such as { file, stderr }', given)
  const { stderr = 0, ...span } = typeof given === 'string' ? { file: given } : readOptions(given, 'option', KEYS)
  return { ...readSpan(span), lines: checkWhole(stderr, 'record.stderr', 0, MAX_LINES) }
}

/** With lines, stderr has to be a pipe of ours. @throws TypeError */
export function checkStderr(lines: number, entry: unknown): void {
  if (lines > 0 && entry === 'pipe') throw invalidValue('record.stderr', 'left out where stderr is a pipe', lines)
}

export class CommandRecording implements Disposable {
  readonly #recording: Recording
  readonly #lines: number
  #splitter: LineSplitter | undefined

  /** @throws NotRecordedError */
  constructor(plan: RunRecordingPlan, command: string, root: number) {
    const ofTree = TREE.map((each) => toSeriesKey(checkMetric(each), { pid: root, tree: true }, undefined, each))
    const ofMachine = MACHINE.map((each) => toSeriesKey(checkMetric(each), {}, undefined, each))
    this.#lines = plan.lines
    this.#recording = startRecording({
      ...plan,
      of: 'command',
      program: nameOf(command),
      operations: false,
      metadata: false,
      series: openAvailable([...ofTree, ...ofMachine]),
    })
  }

  started(pid: number): void {
    this.#recording.state('running', pid)
  }

  /** @param sent whether this process had sent a signal to end it */
  exited({ code, signal }: CommandExit, sent: boolean): void {
    if (signal === null) this.#recording.state('ended', code ?? 0)
    else this.#killed(signal, sent, NaN)
  }

  /** The kernel's out-of-memory killer ended it. */
  killedForMemory({ signal }: CommandExit, { certainty, whole }: OomKill): void {
    if (whole && signal !== null) this.#killed(signal, false, certainty === 'proved' ? 2 : 1)
  }

  #killed(signal: string, sent: boolean, kernel: number): void {
    this.#recording.state('killed', signalNumber(signal) ?? 0, signal, sent ? 1 : 0, kernel)
  }

  /** Records the lines of a stream and passes it on. */
  follow(stderr: Readable, to: Writable | undefined): void {
    const splitter = new LineSplitter(this.#lines, (line) => this.#recording.line(line))
    this.#splitter = splitter
    let target = to
    const broken = (): void => {
      target = undefined
      stderr.resume()
    }
    to?.on('error', broken)
    stderr.on('data', (chunk: Buffer) => {
      splitter.take(chunk)
      if (target?.write(chunk) !== false) return
      stderr.pause()
      target.once('drain', () => stderr.resume())
    })
    stderr.once('close', () => {
      splitter.flush()
      to?.off('error', broken)
    })
  }

  [Symbol.dispose](): void {
    // The stream may close later, or be held open by a process that left the tree.
    this.#splitter?.flush()
    this.#recording.end()
  }
}

/** A stream to a descriptor of this process; undefined for the null device. */
export function streamTo(fd: number): Writable | undefined {
  if (fd < 0) return undefined
  if (fd === 1) return process.stdout
  if (fd === 2) return process.stderr
  return loadBuiltin('node:fs').createWriteStream('', { fd, autoClose: false })
}
