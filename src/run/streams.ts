/** The pipes between this process and a command, as streams of Node. */
import type { ReadStream } from 'node:fs'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { loadBuiltin } from '../base/builtin.js'
import { capture, capturedResolve } from '../base/capture.js'
import { realNow } from '../base/clock.js'
import { CommandNotStartedError, invalidState } from '../base/errors.js'
import { realTimers } from '../base/real-timers.js'
import { loadAddon } from '../addon/native.js'
import { Capture } from './capture.js'
import { feed } from './input.js'
import { LineReader } from './lines.js'
import type { SharedDescriptor, StreamSettings } from './stdio.js'

/**
 * The streams of a command, null where the option `stdio` does not ask for a pipe. A pipe that breaks is closed; its error needs
 * no listener.
 */
export interface CommandStreams {
  /** What the command reads. */
  readonly stdin: Writable | null
  /** What it writes. */
  readonly stdout: Readable | null
  /** Its messages. */
  readonly stderr: Readable | null
  /** All of them by descriptor; those from 3 on work in both directions. */
  readonly stdio: readonly (Writable | Readable | null)[]
}

/** What happens to the streams that the run has to act on. */
export interface StreamEvents {
  /** There was more output than `maxBuffer`. */
  readonly onOverflow: (error: RangeError) => void
  /** The input cannot be read. */
  readonly onInputError: (error: Error) => void
}

type Pipe = Socket | ReadStream

const isBun = 'bun' in process.versions

// The numbers that the addon uses.
const USE = { commandReads: 0, commandWrites: 1, both: 2 } as const

// After the last process, no more output can come, unless another process holds the pipe: one that was not part of the tree.
const QUIET_MS = 200
// Such a process, or one that `keep` leaves alone, may write without end.
const LONGEST_MS = 1000

export class Streams implements CommandStreams {
  readonly stdio: readonly (Pipe | null)[]
  /** Descriptors of stdin, stdout and stderr for the command; -1 is /dev/null. */
  readonly fds: readonly [number, number, number]
  readonly shared: readonly SharedDescriptor[]
  readonly #settings: StreamSettings
  readonly #events: StreamEvents
  readonly #theirs: number[] = []
  readonly #captures = new Map<'stdout' | 'stderr', Capture>()
  readonly #readers = new Map<'stdout' | 'stderr', LineReader>()
  readonly #hasStarted: Promise<boolean>
  readonly #setStarted: (started: boolean) => void
  #hasOverflown = false
  #passed: Pipe | null = null

  /** @throws CommandNotStartedError `ERR_TRIPLINE_NOT_STARTED` if no pipe can be made */
  constructor(command: string, settings: StreamSettings, events: StreamEvents) {
    this.#settings = settings
    this.#events = events
    this.#hasStarted = new Promise<boolean>(capture)
    this.#setStarted = capturedResolve
    const { entries, capture: captures, maxBuffer, input } = settings
    const pipes: (Pipe | null)[] = []
    this.stdio = pipes
    if (process.platform === 'win32' && (settings.shared.length > 0 || entries.slice(3).some((each) => each !== -1))) {
      const why = 'commands on Windows get no descriptors but 0, 1 and 2'
      throw new CommandNotStartedError(command, 'unsupported', why)
    }
    try {
      const fds = entries.map((entry, index) => {
        pipes.push(null)
        return entry === 'pipe' ? this.#open(pipes, index) : entry
      })
      if (settings.passed !== undefined) this.#passed = pipes.splice(2, 1, null)[0]!
      this.fds = [fds[0]!, fds[1]!, fds[2]!]
      const above = fds.map((fd, index) => [fd, index] as const).filter(([fd, index]) => index > 2 && fd >= 0)
      this.shared = [...above, ...settings.shared]
    } catch (error) {
      this.discard()
      throw new CommandNotStartedError(command, 'other', (error as Error).message)
    }
    for (const name of ['stdout', 'stderr'] as const) {
      const stream = this[name]
      if (!captures || stream === null) continue
      this.#captures.set(name, new Capture(stream, maxBuffer, () => this.#overflow(name)))
    }
    if (input !== undefined) feed(input, this.stdin!, events.onInputError)
  }

  get stdin(): Writable | null {
    return (this.stdio[0] ?? null) as Writable | null
  }

  get stdout(): Readable | null {
    return this.stdio[1] ?? null
  }

  get stderr(): Readable | null {
    return this.stdio[2] ?? null
  }

  /** The pipe of stderr that is not the caller's, and the descriptor that it is passed on to. */
  get passed(): readonly [stream: Readable, fd: number] | undefined {
    const { passed } = this.#settings
    return passed === undefined || this.#passed === null ? undefined : [this.#passed, passed]
  }

  /** The text that was captured; undefined without a capture. */
  textOf(name: 'stdout' | 'stderr'): string | undefined {
    return this.#captures.get(name)?.text
  }

  /** Whether not all output was captured. */
  get truncated(): boolean {
    return [...this.#captures.values()].some((each) => each.truncated)
  }

  /** @param ended rejects if the run fails */
  linesOf(name: 'stdout' | 'stderr', ended: Promise<unknown>): AsyncGenerator<string, void, undefined> {
    const stream = this[name]
    if (stream === null) throw invalidState(`There are no lines of ${name}: the option "stdio" asks for no pipe`)
    if (this.#readers.has(name)) throw invalidState(`The lines of ${name} are being read already`)
    const captured = this.#captures.get(name)
    if (captured?.truncated === true) throw invalidState(`The first lines of ${name} are no longer known`)
    const reader = new LineReader({
      stream,
      before: captured?.chunks ?? [],
      most: this.#settings.maxBuffer,
      onOverflow: () => this.#overflow(name),
      isShared: captured !== undefined,
      hasStarted: this.#hasStarted,
      ended,
    })
    this.#readers.set(name, reader)
    return reader.read()
  }

  /** The command has its ends of the pipes, or is never run. */
  closeTheirs(): void {
    for (const fd of this.#theirs.splice(0)) {
      if (process.platform === 'win32') loadBuiltin('node:fs').closeSync(fd)
      else loadAddon().closePipe(fd)
    }
  }

  /** The command runs. */
  started(): void {
    this.#setStarted(true)
  }

  /** The command was not started. */
  discard(): void {
    this.#setStarted(false)
    this.closeTheirs()
    for (const each of [...this.stdio, this.#passed]) each?.destroy()
  }

  /** No process of the command is left. Returns when all of its output is captured. */
  async finish(): Promise<void> {
    this.stdin?.destroy()
    const read = [...this.#captures.keys()].map((name) => this[name]!)
    if (this.passed !== undefined) read.push(this.passed[0])
    const left = read.filter((stream) => !stream.closed)
    for (const reader of this.#readers.values()) reader.hurry()
    await Promise.all(left.map((stream) => untilQuiet(stream)))
  }

  #open(pipes: (Pipe | null)[], index: number): number {
    const ends = new Int32Array(2)
    const opened = loadAddon().openPipe(index === 0 ? USE.commandReads : index < 3 ? USE.commandWrites : USE.both, ends)
    if (opened !== true) throw new Error(opened)
    const [ours, theirs] = ends as unknown as [number, number]
    this.#theirs.push(theirs)
    let pipe: Pipe
    try {
      pipe = index === 1 || index === 2 ? readerOf(ours) : socketOf(ours, index > 0)
    } catch (error) {
      this.#theirs.push(ours)
      throw error
    }
    // A command may close its streams at any time, so a broken pipe is nothing that must be handled.
    pipe.on('error', () => undefined)
    pipes[index] = pipe
    return theirs
  }

  #overflow(name: 'stdout' | 'stderr'): void {
    const first = !this.#hasOverflown
    this.#hasOverflown = true
    if (!first || this.#settings.overflow === 'truncate') return
    const error = new RangeError(`${name} maxBuffer length exceeded`)
    this.#events.onOverflow(Object.assign(error, { code: 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER' }))
  }
}

function readerOf(fd: number): Pipe {
  // A socket of Bun reads nothing from a pipe.
  if (isBun) return loadBuiltin('node:fs').createReadStream('', { fd })
  return new (loadBuiltin('node:net').Socket)({ fd, readable: true, writable: false })
}

function socketOf(fd: number, readable: boolean): Pipe {
  if (isBun && readable) throw new Error('Bun has no pipes that work in both directions')
  return new (loadBuiltin('node:net').Socket)({ fd, readable, writable: true })
}

/** Waits until a stream ends, or nothing more has come for some time, or that lasts too long; then it is closed. */
function untilQuiet(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    let hasRead = false
    const until = realNow() + LONGEST_MS
    const isNoisy = (): boolean => hasRead && realNow() < until
    // A loop that was blocked runs its timers before it reads.
    const check = (): void => void realTimers.setImmediate(() => (isNoisy() ? again() : stream.destroy()))
    const timer = realTimers.setTimeout(check, QUIET_MS)
    const again = (): void => {
      hasRead = false
      stream.resume()
      timer.refresh()
    }
    stream.on('data', () => (hasRead = true))
    stream.once('close', () => {
      realTimers.clearTimeout(timer)
      resolve()
    })
    stream.resume()
  })
}
