/**
 * The file format of recordings: the layout of every area, as offsets and sizes. `docs/recording-format.md` describes it for
 * readers in other languages; the version has to change with it.
 */
import type { MetricName } from '../addon/metrics.js'

/** The first bytes. The last four show whether a transfer has changed line ends. */
export const MAGIC: readonly number[] = [0x89, 0x54, 0x52, 0x49, 0x50, 0x0d, 0x0a, 0x1a]
export const VERSION = 1

/** The offsets of the fixed header's fields. All are 32-bit unsigned integers, little-endian like all numbers of the file. */
export const HEADER = {
  version: 8,
  /** Of the whole file, in bytes. */
  fileSize: 12,
  infoOffset: 16,
  infoLength: 20,
  statesOffset: 24,
  states: 28,
  rowsOffset: 32,
  rowSize: 36,
  rows: 40,
  columns: 44,
  guards: 48,
  rowOperations: 52,
  entriesOffset: 56,
  entries: 60,
  linesOffset: 64,
  lines: 68,
  operationsOffset: 72,
  operations: 76,
  names: 80,
  /** CRC-32 of the header up to here, followed by the text of the information. */
  checksum: 84,
} as const
export const HEADER_SIZE = 88

/** Every area begins at a multiple of this. */
export const ALIGNMENT = 64

/** Slots of the ring of states. A process passes through few: running, uncaught error, exit. */
export const STATES = 8

/** The fields of a note: a slot of the rings of states, entries and lines. */
export const NOTE = {
  /** CRC-32 of the rest of the slot, the unused end included. */
  checksum: 0,
  /** From 1 on, per ring. Note `n` is in slot `(n - 1) mod count`. 0 is an unused slot. */
  sequence: 4,
  /** Milliseconds on the monotonic clock (float64). */
  at: 8,
  /** Milliseconds since 1970 (float64). */
  wall: 16,
  /** One of {@link NOTES} (uint8). */
  kind: 24,
  /** A long text continues in the following notes of the ring, which have the next sequence numbers: which part, from 0 (uint8). */
  part: 25,
  /** Of how many parts (uint8), 1 or more. */
  parts: 26,
  /** (uint32) */
  number: 28,
  /** Two numbers, whose meaning depends on the kind; NaN for none (float64). */
  a: 32,
  b: 40,
  /** Bytes of the text, UTF-8 (uint16). A character may be cut between two parts. */
  textLength: 48,
  text: 50,
} as const
export const NOTE_SIZE = 256
export const NOTE_TEXT: number = NOTE_SIZE - NOTE.text
/** A text has at most this many parts. */
export const MAX_PARTS = 16

/**
 * The kinds of notes. In the ring of states:
 *
 * - `running`: the process `number` is recorded. The last one counts: a command's process id is known only once it has started
 * - `closed`: `close()` was called; the program may have gone on without a recording. `number` is 1 if the thread was terminated
 * - `exit`: the process is exiting with the code `number`
 * - `uncaught`: an error was not caught; the text has its name and code. `exit` follows, unless the process was stopped before
 * - `signal`: the recorder saw the process receive the signal `number`, whose name is the text, and end because of it
 * - `ended`: of a command: it ended with the exit code `number`, seen by the supervisor that is its parent
 * - `killed`: of a command: the signal `number` killed it, seen by its supervisor; `a` is 1 if the supervisor had sent it, `b` is 2 if
 *   the kernel killed it for lack of memory and that is proved, 1 if it is likely
 * - `failed`: the recorder could not go on writing; the text has the reason
 *
 * In the ring of entries:
 *
 * - `guard`: the guard `number` was made; the text is JSON, see {@link RecordedGuard}. A number may be used again after `unguard`
 * - `unguard`: the guard `number` was closed
 * - `breach`: the guard `number` is breached: `a` is the value, `b` the line of the limit, `text` its metric
 * - `clear`: the guard `number` is clear again
 * - `lost`: the guard `number` has no value of its metric
 * - `cancel`: the operation `number` was canceled; the text is the reason's kind and description, `a` the index of the operation's
 *   name, `b` how many cancelations since the last such entry were left out
 * - `blocked`: the event loop was blocked for `a` milliseconds, so far; the text is the stack
 * - `missing`: the column `number` has no value; the text is why
 * - `mark`: the program's own text
 *
 * In the ring of lines: `line`, one line that the command wrote to stderr.
 */
export const NOTES = {
  running: 1,
  closed: 2,
  exit: 3,
  uncaught: 4,
  signal: 5,
  ended: 6,
  killed: 7,
  failed: 8,
  guard: 16,
  unguard: 17,
  breach: 18,
  clear: 19,
  lost: 20,
  cancel: 21,
  blocked: 22,
  missing: 23,
  mark: 24,
  line: 32,
} as const
export type NoteKind = keyof typeof NOTES

/** The fields of a row at fixed offsets; those after them follow from the header's counts, see {@link rowLayout}. */
export const ROW = {
  /** CRC-32 of the rest of the row. */
  checksum: 0,
  /** As in a note: row `n` is in slot `(n - 1) mod rows`. */
  sequence: 4,
  /** Milliseconds on the monotonic clock (float64). */
  at: 8,
  /** Milliseconds since 1970 (float64). */
  wall: 16,
  /** How long the event loop had not answered, in milliseconds; NaN if that is not observed (float64). */
  silence: 24,
  /** Operations under way (uint32). */
  operations: 32,
  /** Zero (uint32). */
  reserved: 36,
  /** One byte per guard: guard `n` at `n - 1`, see {@link GUARD_STATES}. */
  guards: 40,
} as const

/** The states of a guard in a row, by number; 0 means that there is no such guard. */
export const GUARD_STATES = ['none', 'clear', 'pending', 'breached', 'clearing', 'unavailable'] as const

/** An operation in a row. */
export const ROW_OPERATION = {
  /** The operation's number in this recording, from 1 on; 0 for none (uint32). */
  number: 0,
  /** The index of its name; {@link NO_NAME} for none (uint16). */
  name: 4,
  /** One of {@link OPERATION_STATES} (uint16). */
  state: 6,
  /** Milliseconds since its start (float32). */
  elapsed: 8,
  /** From 0 to 1; NaN if unknown (float32). */
  progress: 12,
} as const
export const ROW_OPERATION_SIZE = 16

/** Why a column of a row has no value, by number; 0 means that it has one. */
export const COLUMN_CODES = ['value', 'not-yet', 'unavailable'] as const

/** The fields of the area of operations: a head, then slots, then names. */
export const OPERATIONS_HEAD = {
  /** Grows with every change (uint32). */
  changes: 0,
  /** Operations under way, including those without a slot (uint32). */
  underWay: 4,
  /** How many names are in use (uint32). */
  names: 8,
} as const
export const OPERATIONS_HEAD_SIZE = 64

/** A slot of an operation. */
export const OPERATION = {
  /** CRC-32 of the rest of the slot. */
  checksum: 0,
  /** Even; grows with every change of the slot (uint32). */
  generation: 4,
  /** When it started, in milliseconds on the monotonic clock (float64). */
  startedAt: 8,
  /** From 0 to 1; NaN if unknown (float64). */
  progress: 16,
  /** The operation's number in this recording (uint32). */
  number: 24,
  /** The index of its name; {@link NO_NAME} for none (uint16). */
  name: 28,
  /** One of {@link OPERATION_STATES} (uint16). */
  state: 30,
} as const
export const OPERATION_SIZE = 32
export const NO_NAME = 0xffff
/** The states of a slot, by number. */
export const OPERATION_STATES = ['free', 'running', 'canceled'] as const

/** A slot of a name. */
export const NAME = {
  /** CRC-32 of the rest of the slot. */
  checksum: 0,
  /** Bytes of the text, UTF-8 (uint8). */
  length: 4,
  text: 5,
} as const
export const NAME_SIZE = 64
export const NAME_TEXT: number = NAME_SIZE - NAME.text

/** The bounds that a reader applies before it trusts a size of the header. */
export const MAX = {
  fileSize: 67_108_864,
  info: 65_536,
  columns: 256,
  rows: 1_048_576,
  notes: 65_536,
  guards: 1024,
  rowOperations: 64,
  operations: 4096,
  names: 4096,
} as const

/** How much a recording has room for. */
export interface Shape {
  readonly infoLength: number
  readonly columns: number
  readonly rows: number
  /** Guards whose state is in a row. */
  readonly guards: number
  /** Operations that are described in a row: the oldest ones. */
  readonly rowOperations: number
  readonly entries: number
  readonly lines: number
  /** Slots of operations. */
  readonly operations: number
  readonly names: number
}

/** Where everything is, in bytes from the start of the file. */
export interface Layout extends Shape {
  readonly fileSize: number
  readonly infoOffset: number
  readonly statesOffset: number
  readonly states: number
  readonly rowsOffset: number
  readonly rowSize: number
  readonly entriesOffset: number
  readonly linesOffset: number
  readonly operationsOffset: number
}

/** Where the variable parts of a row are, from the row's start. */
export interface RowLayout {
  readonly guards: number
  readonly operations: number
  readonly values: number
  readonly codes: number
  readonly size: number
}

/** A row has its guards, its operations, its values and their codes, each from a multiple of 8 on. */
export function rowLayout({
  columns,
  guards,
  rowOperations,
}: Pick<Shape, 'columns' | 'guards' | 'rowOperations'>): RowLayout {
  const operations = roundUp(ROW.guards + guards, 8)
  const values = operations + rowOperations * ROW_OPERATION_SIZE
  const codes = values + columns * 8
  return { guards: ROW.guards, operations, values, codes, size: roundUp(codes + columns, 8) }
}

/** The size of the area of operations. */
export function operationsSize({ operations, names }: Pick<Shape, 'operations' | 'names'>): number {
  return operations === 0 ? 0 : OPERATIONS_HEAD_SIZE + operations * OPERATION_SIZE + names * NAME_SIZE
}

/** The areas follow each other in this order: header, information, states, entries, lines, operations, rows. */
export function layoutOf(shape: Shape): Layout {
  const statesOffset = roundUp(HEADER_SIZE + shape.infoLength, ALIGNMENT)
  const entriesOffset = statesOffset + STATES * NOTE_SIZE
  const linesOffset = entriesOffset + shape.entries * NOTE_SIZE
  const operationsOffset = linesOffset + shape.lines * NOTE_SIZE
  const rowsOffset = roundUp(operationsOffset + operationsSize(shape), ALIGNMENT)
  const rowSize = rowLayout(shape).size
  return {
    ...shape,
    fileSize: rowsOffset + rowSize * shape.rows,
    infoOffset: HEADER_SIZE,
    statesOffset,
    states: STATES,
    rowsOffset,
    rowSize,
    entriesOffset,
    linesOffset,
    operationsOffset,
  }
}

function roundUp(size: number, to: number): number {
  return Math.ceil(size / to) * to
}

/** A column of the rows. */
export interface RecordedColumn {
  readonly metric: MetricName
  readonly unit: string
  /** The averaging window in milliseconds; 0 for levels. */
  readonly window: number
  /** The value of the metric's selector, such as a path or a zone; left out for the default. */
  readonly selector?: string
  /** For `process.*` of another process: its id, and whether its whole tree counts. */
  readonly pid?: number
  readonly tree?: boolean
}

/** The control group of the recorded process when recording began. A field that could not be read is left out. */
export interface RecordedGroup {
  readonly version: 1 | 2
  /** The path below the mount point, as in `/proc/PID/cgroup`. On version 1, that of the memory controller. */
  readonly path: string
  /** The inode of its folder: a group of the same name that was made later has another. */
  readonly inode?: string
  /** The file that counts the processes that the kernel killed in the group, and its count. */
  readonly events?: string
  readonly oomKills?: number
  /** Whether the kernel kills all of the group's processes together. */
  readonly oomGroup?: boolean
  /** Whether the group contained only the process and its children. */
  readonly alone?: boolean
}

/** What the recording is about: the JSON text in the header. A field that could not be read is left out. */
export interface RecordedInfo {
  /** The version of this library. */
  readonly tripline: string
  /** `process`: this process recorded itself. `command`: a supervisor recorded a command and its tree. */
  readonly of: 'process' | 'command'
  /** Of the process that writes the recording: for `process`, the recorded one. */
  readonly pid: number
  /** 0 is the main thread. */
  readonly thread: number
  /** What runs: the path of the main module, or the name of the command. Arguments may contain secrets and are left out. */
  readonly program: string
  /** `node`, `bun` or `deno`, with its version, such as `node 24.1.0`. */
  readonly runtime: string
  /** `process.platform` and `process.arch`, such as `linux-x64`. */
  readonly platform: string
  /** The start of the recording: milliseconds on the monotonic clock, and since 1970. */
  readonly at: number
  readonly wall: number
  /** Between two rows, in milliseconds. */
  readonly interval: number
  readonly columns: readonly RecordedColumn[]
  /** The boot of the machine (Linux: `/proc/sys/kernel/random/boot_id`). */
  readonly boot?: string
  /** When the process `pid` started, in clock ticks since the boot (Linux: field 22 of `/proc/PID/stat`); recognizes a reused id. */
  readonly startTicks?: number
  /** The inode of the pid namespace (Linux), because ids differ between namespaces. */
  readonly pidNamespace?: string
  readonly group?: RecordedGroup
  /** The limit of the V8 heap in bytes. */
  readonly heapLimit?: number
  /** Whether text that may contain secrets was recorded: messages of errors, metadata of operations. */
  readonly metadata: boolean
}

/** The text of the note `guard`. */
export interface RecordedGuard {
  readonly name: string
  /** Breached while all limits are, instead of any. */
  readonly all: boolean
  readonly limits: readonly RecordedLimit[]
}

export interface RecordedLimit {
  /** The metric, or the name of a condition. */
  readonly metric: string
  readonly condition?: boolean
  readonly selector?: string
  readonly above?: number
  readonly below?: number
  /** The line of recovery. */
  readonly clear?: number
  /** In milliseconds. */
  readonly for?: number
  readonly unit?: string
}

const TABLE: readonly number[] = Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ ((value & 1) === 0 ? 0 : 0xedb88320)
  return value >>> 0
})

/** CRC-32 as in zlib; `before` is that of the bytes before these. */
export function crc32(bytes: Uint8Array, before: number = 0): number {
  let crc = ~before
  for (const byte of bytes) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 0xff]!
  return ~crc >>> 0
}
