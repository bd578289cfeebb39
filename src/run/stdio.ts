/** The options of `run` about the streams of a command, and their checks. */
import type { Readable } from 'node:stream'
import { invalidChoice, invalidType, invalidValue } from '../base/errors.js'
import { INT32_MAX } from '../base/int32.js'
import { parseSize } from '../base/units.js'
import { readInput, type RunInput } from './input.js'

/**
 * One of the command's streams: inherited, /dev/null, a pipe whose other end is a stream of Node, or a descriptor, or an object
 * with one.
 */
export type RunStream = 'inherit' | 'ignore' | 'pipe' | number | HasDescriptor

/** An object with a descriptor: a file handle, `process.stderr`. */
export interface HasDescriptor {
  /** The descriptor. */
  readonly fd: number
}

/** The options of `run` about the command's streams. */
export interface RunStreamOptions {
  /**
   * One stream for all three, or an array of stdin, stdout and stderr, and of up to 17 more, which the command gets as
   * descriptors 3 and up (not on Windows). A pipe above 2 works in both directions (Node only). Once a pipe that is not read
   * is full, it holds the command back; limits and timeouts go on.
   *
   * @default 'inherit'; 'pipe' for stdin with `input`, and for stdout and stderr with `capture`
   */
  stdio?: RunStream | readonly (RunStream | undefined)[] | undefined
  /**
   * Keeps what the command writes to stdout and stderr, as far as these are pipes, as text in `result.stdout` and
   * `result.stderr`. Bytes that are not UTF-8 become U+FFFD.
   *
   * @default false
   */
  capture?: boolean | undefined
  /**
   * The most to keep of each stream with `capture`, and the longest line of `lines()`: a number of bytes, or `'10MB'`.
   *
   * @default 1 MiB, as in `child_process`
   */
  maxBuffer?: number | string | undefined
  /**
   * What happens at `maxBuffer`: the command is ended, with a reason of kind `'error'` whose cause has the code
   * `ERR_CHILD_PROCESS_STDIO_MAXBUFFER`, even if it has just ended by itself; or the rest is dropped.
   *
   * @default 'end'
   */
  overflow?: 'end' | 'truncate' | undefined
  /**
   * What the command reads from stdin: text, bytes, or a stream or iterable of these. A command that does not read all of it
   * is fine; an error of the stream ends the command, and `run` rejects with it.
   *
   * @default none
   */
  input?: RunInput | undefined
  /**
   * Extra descriptors (3 and up, at most 64 with those of `stdio`) that the command inherits under the same number. It
   * inherits no others. If 3 is one of them, and `LISTEN_PID` names this process, it will name the command (socket
   * activation). Not on Windows.
   *
   * @default none
   */
  shared?: readonly number[] | undefined
}

/**
 * The type of `result.stdout` (descriptor 1) and `result.stderr` (2): text where the types of the options `capture` and `stdio`
 * say for certain that it is captured, and otherwise text or `undefined`.
 */
export type CapturedText<Capture, Stdio, Descriptor extends 1 | 2> = [
  Capture,
  Stdio extends readonly unknown[] ? Stdio[Descriptor] : Stdio,
] extends [true, 'pipe' | undefined]
  ? string
  : string | undefined

/** A stream of the command: a pipe, or a descriptor of this process, or -1 for none. */
export type StdioEntry = 'pipe' | number

/** A descriptor of this process, and its number in the command. */
export type SharedDescriptor = readonly [fd: number, number: number]

export interface StreamSettings {
  /** At least three. */
  readonly entries: readonly StdioEntry[]
  readonly shared: readonly SharedDescriptor[]
  /** The descriptor that stderr is passed on to, where its pipe is not the caller's. */
  readonly passed?: number | undefined
  readonly capture: boolean
  /** In bytes. */
  readonly maxBuffer: number
  readonly overflow: 'end' | 'truncate'
  readonly input: string | Uint8Array | Readable | undefined
}

export const STREAM_KEYS = ['stdio', 'capture', 'maxBuffer', 'overflow', 'input', 'shared'] as const

const DEFAULT_MAX_BUFFER = 2 ** 20
// What native code takes.
const MAX_SHARED = 64
const MAX_STREAMS = 20

/** @throws TypeError, RangeError with Node's codes, naming the option */
export function readStreamOptions(options: RunStreamOptions): StreamSettings {
  const { capture = false, maxBuffer = DEFAULT_MAX_BUFFER, overflow = 'end', shared } = options
  if (typeof capture !== 'boolean') throw invalidType('capture', 'true or false', capture)
  if (overflow !== 'end' && overflow !== 'truncate') throw invalidChoice('overflow', ['end', 'truncate'], overflow)
  const entries = readEntries(options.stdio, [options.input !== undefined, capture, capture])
  const numbers = readShared(shared)
  const count = entries.slice(3).filter((entry) => entry !== -1).length + numbers.length
  if (count > MAX_SHARED) throw invalidValue('shared', `at most ${MAX_SHARED} with those of "stdio"`, numbers.length)
  for (const fd of numbers) {
    if ((entries[fd] ?? -1) !== -1) throw invalidValue('shared', 'descriptors that "stdio" does not set', fd)
  }
  if (capture && entries[1] !== 'pipe' && entries[2] !== 'pipe') {
    throw invalidValue('stdio', '\'pipe\' for stdout or stderr with "capture"', options.stdio)
  }
  if (options.input !== undefined && entries[0] !== 'pipe') {
    throw invalidValue('stdio', '\'pipe\' for stdin with "input"', options.stdio)
  }
  return {
    entries,
    shared: numbers.map((fd) => [fd, fd]),
    capture,
    maxBuffer: maxBuffer === Infinity ? Infinity : parseSize(maxBuffer, 'maxBuffer'),
    overflow,
    // Last, because it may lock a web stream.
    input: readInput(options.input),
  }
}

function readEntries(stdio: RunStreamOptions['stdio'], piped: readonly boolean[]): StdioEntry[] {
  const list = (Array.isArray(stdio) ? stdio : [stdio, stdio, stdio]) as readonly (RunStream | undefined)[]
  if (list.length < 3 || list.length > MAX_STREAMS) {
    throw invalidValue('stdio', `one stream, or 3 to ${MAX_STREAMS}, from stdin, stdout and stderr on`, list.length)
  }
  // Not map(), which skips the holes of an array.
  return Array.from(list, (stream, index) => readEntry(stream ?? defaultFor(index, piped), index))
}

function defaultFor(index: number, piped: readonly boolean[]): RunStream {
  if (index >= piped.length) return 'ignore'
  return piped[index] ? 'pipe' : 'inherit'
}

function readEntry(stream: RunStream, index: number): StdioEntry {
  if (stream === 'pipe') return stream
  if (stream === 'inherit') return index
  if (stream === 'ignore') return -1
  const fd: unknown = typeof stream === 'object' ? stream.fd : stream
  if (typeof fd === 'number' && Number.isInteger(fd) && fd >= 0 && fd <= INT32_MAX) return fd
  throw invalidValue('stdio', "'inherit', 'ignore', 'pipe', a descriptor, or an object with one", stream)
}

function readShared(shared: readonly number[] = []): number[] {
  if (!Array.isArray(shared)) throw invalidType('shared', 'an array of descriptors', shared)
  const distinct = [...new Set(shared as readonly number[])]
  for (const fd of distinct) {
    if (!Number.isInteger(fd) || fd < 3 || fd > INT32_MAX) throw invalidValue('shared', 'descriptors from 3 on', fd)
  }
  return distinct
}
