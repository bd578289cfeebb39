/** Reads recordings without trusting them: every size and offset is bounded, and torn parts are skipped and counted. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { CAREFULLY } from '../base/careful.js'
import { UnreadableRecordingError } from '../base/errors.js'
import {
  COLUMN_CODES,
  GUARD_STATES,
  HEADER,
  HEADER_SIZE,
  MAGIC,
  MAX,
  MAX_PARTS,
  NAME,
  NAME_SIZE,
  NAME_TEXT,
  NOTE,
  NOTES,
  NOTE_SIZE,
  NOTE_TEXT,
  OPERATION,
  OPERATIONS_HEAD_SIZE,
  OPERATION_SIZE,
  OPERATION_STATES,
  ROW,
  ROW_OPERATION,
  ROW_OPERATION_SIZE,
  STATES,
  VERSION,
  crc32,
  layoutOf,
  rowLayout,
  type Layout,
  type NoteKind,
  type RecordedInfo,
} from './format.js'
import { LAST_DATE, parseInfo } from './info.js'

/** A time on two clocks. */
export interface Moment {
  /** In milliseconds on the monotonic clock of the machine. */
  readonly at: number
  /** In milliseconds since 1970. */
  readonly wall: number
}

/** What was recorded at one moment. */
export interface RecordedRow extends Moment {
  /** How long the event loop had not answered, in milliseconds; `undefined` if that was not observed. */
  readonly silence: number | undefined
  /** How many operations were under way. */
  readonly underWay: number
  /** The states of the guards, by their numbers from 1 on. */
  readonly guards: readonly (typeof GUARD_STATES)[number][]
  /** The oldest operations that were under way. */
  readonly operations: readonly RecordedOperation[]
  /** One value per column; NaN if it was not known. */
  readonly values: Float64Array
  /** Why a column has no value. */
  readonly codes: readonly (typeof COLUMN_CODES)[number][]
}

/** An operation that was under way. */
export interface RecordedOperation {
  /** Its number in the recording, from 1 on. */
  readonly number: number
  /** Its name; empty if it has none. */
  readonly name: string
  /** Whether it had been canceled and had not ended yet. */
  readonly state: 'running' | 'canceled'
  /** For how long it had been running, in milliseconds. */
  readonly elapsed: number
  /** From 0 to 1; `undefined` if it is not known. */
  readonly progress: number | undefined
}

/** An entry of a recording: a change of state, a breach, a line of stderr. */
export interface RecordedNote extends Moment {
  readonly kind: NoteKind
  readonly number: number
  /** `undefined` for none. */
  readonly a: number | undefined
  readonly b: number | undefined
  readonly text: string
}

/** How many parts of a recording could not be used. One may be torn because the process was killed while it was written. */
export interface Skipped {
  /** Rows. */
  readonly rows: number
  /** Entries: marks, breaches, lines. */
  readonly notes: number
  /** Operations, and their names. */
  readonly operations: number
}

/** A recording that was read, with everything oldest first. */
export interface RecordedFile {
  readonly file: string
  readonly info: RecordedInfo
  readonly rows: readonly RecordedRow[]
  readonly states: readonly RecordedNote[]
  readonly entries: readonly RecordedNote[]
  readonly lines: readonly RecordedNote[]
  /** The operations that were under way at the end, as the process itself wrote them. */
  readonly operations: readonly RecordedOperation[]
  /** When the newest part was written. */
  readonly end: Moment
  readonly skipped: Skipped
}

/**
 * Reads the recording in a file.
 *
 * @throws UnreadableRecordingError `ERR_TRIPLINE_RECORDING_UNREADABLE`
 */
export function readRecording(file: string): RecordedFile {
  return parseRecording(readBounded(file), file)
}

const SYSTEM_KINDS: Readonly<Record<string, UnreadableRecordingError['kind']>> = {
  ENOENT: 'not-found',
  ENOTDIR: 'not-found',
  EACCES: 'not-allowed',
  EPERM: 'not-allowed',
  EISDIR: 'not-a-file',
  // A last component that is a symbolic link, and a socket.
  ELOOP: 'not-a-file',
  ENXIO: 'not-a-file',
}

/** The bytes of a file, which has to be a regular one of a recording's size: others may be endless, or block. */
function readBounded(file: string): Uint8Array {
  let descriptor: number
  try {
    descriptor = openSync(file, constants.O_RDONLY | CAREFULLY)
  } catch (error) {
    throw systemError(file, error)
  }
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) throw new UnreadableRecordingError('not-a-file', file, 'it is not a regular file')
    if (stats.size > MAX.fileSize) {
      throw new UnreadableRecordingError('too-large', file, `it has ${stats.size} bytes, more than any recording`)
    }
    const bytes = new Uint8Array(stats.size)
    let size = 0
    while (size < bytes.length) {
      const read = readSync(descriptor, bytes, size, bytes.length - size, size)
      if (read === 0) break
      size += read
    }
    return bytes.subarray(0, size)
  } catch (error) {
    throw error instanceof UnreadableRecordingError ? error : systemError(file, error)
  } finally {
    closeSync(descriptor)
  }
}

function systemError(file: string, error: unknown): UnreadableRecordingError {
  const { code = '', message } = error as NodeJS.ErrnoException
  const why = code === 'ELOOP' ? 'it is a symbolic link, which is not followed' : message
  return new UnreadableRecordingError(SYSTEM_KINDS[code] ?? 'other', file, why, { cause: error })
}

/**
 * Parses the bytes of a recording.
 *
 * @param file its name, for errors
 * @throws UnreadableRecordingError
 */
export function parseRecording(bytes: Uint8Array, file: string): RecordedFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const layout = readLayout(view, file)
  const info = parseInfo(decode(bytes, layout.infoOffset, layout.infoLength), layout.columns)
  if (info === undefined) throw new UnreadableRecordingError('damaged', file, 'its information cannot be understood')
  return new Parser(bytes, view, layout).read(file, info)
}

/** The layout, which every number of the header has to agree with. */
function readLayout(view: DataView, file: string): Layout {
  const fail = (kind: UnreadableRecordingError['kind'], why: string): never => {
    throw new UnreadableRecordingError(kind, file, why)
  }
  const size = view.byteLength
  if (MAGIC.slice(0, size).some((byte, at) => view.getUint8(at) !== byte) || size === 0) {
    fail('not-a-recording', size === 0 ? 'it is empty' : 'it does not begin as a recording does')
  }
  if (size < HEADER_SIZE) fail('truncated', `it has ${size} bytes, fewer than the header of a recording`)
  const field = (name: keyof typeof HEADER): number => view.getUint32(HEADER[name], true)
  const version = field('version')
  if (version !== VERSION) fail('version', `it has version ${version} of the format; this is version ${VERSION}`)
  const shape = {
    infoLength: field('infoLength'),
    columns: field('columns'),
    rows: field('rows'),
    guards: field('guards'),
    rowOperations: field('rowOperations'),
    entries: field('entries'),
    lines: field('lines'),
    operations: field('operations'),
    names: field('names'),
  }
  const layout = layoutOf(shape)
  const isBounded =
    shape.infoLength <= MAX.info &&
    shape.columns <= MAX.columns &&
    shape.rows <= MAX.rows &&
    shape.guards <= MAX.guards &&
    shape.rowOperations <= MAX.rowOperations &&
    shape.entries <= MAX.notes &&
    shape.lines <= MAX.notes &&
    shape.operations <= MAX.operations &&
    shape.names <= MAX.names &&
    field('states') === STATES &&
    layout.fileSize <= MAX.fileSize
  const places = ['fileSize', 'infoOffset', 'statesOffset', 'rowsOffset', 'rowSize'] as const
  const others = ['entriesOffset', 'linesOffset', 'operationsOffset'] as const
  if (!isBounded || [...places, ...others].some((each) => layout[each] !== field(each))) {
    fail('damaged', 'the numbers in its header do not fit each other')
  }
  if (size < layout.fileSize) fail('truncated', `it has ${size} of ${layout.fileSize} bytes`)
  if (size > layout.fileSize) fail('damaged', `it has ${size} bytes instead of ${layout.fileSize}`)
  const head = new Uint8Array(view.buffer, view.byteOffset, HEADER.checksum)
  const text = new Uint8Array(view.buffer, view.byteOffset + layout.infoOffset, layout.infoLength)
  if (crc32(text, crc32(head)) !== field('checksum')) fail('damaged', 'the checksum of its header is wrong')
  return layout
}

const decoder = new TextDecoder()

/** Bytes that are not UTF-8 become U+FFFD. */
function decode(bytes: Uint8Array, at: number, length: number): string {
  return decoder.decode(bytes.subarray(at, at + length))
}

const KIND_OF: ReadonlyMap<number, NoteKind> = new Map(
  (Object.keys(NOTES) as NoteKind[]).map((kind) => [NOTES[kind], kind]),
)

interface Slot {
  readonly offset: number
  readonly sequence: number
}

class Parser {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #layout: Layout
  readonly #skipped = { rows: 0, notes: 0, operations: 0 }

  constructor(bytes: Uint8Array, view: DataView, layout: Layout) {
    this.#bytes = bytes
    this.#view = view
    this.#layout = layout
  }

  read(file: string, info: RecordedInfo): RecordedFile {
    const { statesOffset, states, entriesOffset, entries, linesOffset, lines } = this.#layout
    const names = this.#names()
    const rows = this.#rows(names)
    const notes = {
      states: this.#notes(statesOffset, states),
      entries: this.#notes(entriesOffset, entries),
      lines: this.#notes(linesOffset, lines),
    }
    const rings: readonly (readonly Moment[])[] = [rows, notes.states, notes.entries, notes.lines]
    const end = latest([info, ...rings.flatMap((each) => each.slice(-1))])
    return { file, info, rows, ...notes, operations: this.#operations(names, end.at), end, skipped: this.#skipped }
  }

  /** The intact slots of a ring in the order in which they were written. */
  #slots(start: number, size: number, count: number, skipped: 'rows' | 'notes'): Slot[] {
    const found: Slot[] = []
    for (let slot = 0; slot < count; slot++) {
      const offset = start + slot * size
      if (this.#isUnused(offset, size)) continue
      const sequence = this.#view.getUint32(offset + 4, true)
      if (this.#isIntact(offset, size) && sequence > 0 && (sequence - 1) % count === slot) {
        found.push({ offset, sequence })
      } else {
        this.#skipped[skipped]++
      }
    }
    found.sort((a, b) => a.sequence - b.sequence)
    const newest = found.at(-1)?.sequence ?? 0
    // What is older has been overwritten: it does not belong to this ring.
    const kept = found.filter(({ sequence }) => sequence > newest - count)
    this.#skipped[skipped] += found.length - kept.length
    return kept
  }

  #isUnused(offset: number, size: number): boolean {
    for (let at = offset; at < offset + size; at++) if (this.#bytes[at] !== 0) return false
    return true
  }

  /** Whether the checksum at the start of a slot is right. */
  #isIntact(offset: number, size: number): boolean {
    return crc32(this.#bytes.subarray(offset + 4, offset + size)) === this.#view.getUint32(offset, true)
  }

  #number(offset: number): number | undefined {
    const value = this.#view.getFloat64(offset, true)
    return Number.isFinite(value) ? value : undefined
  }

  /** The times of a row or note, which have to be plausible. */
  #times(offset: number): Moment | undefined {
    const at = this.#number(offset + NOTE.at)
    const wall = this.#number(offset + NOTE.wall)
    if (at === undefined || wall === undefined || at < 0 || at > LAST_DATE || Math.abs(wall) > LAST_DATE)
      return undefined
    return { at, wall }
  }

  #rows(names: readonly string[]): RecordedRow[] {
    const { rowsOffset, rowSize, rows, columns, guards } = this.#layout
    const parts = rowLayout(this.#layout)
    const found: RecordedRow[] = []
    for (const { offset } of this.#slots(rowsOffset, rowSize, rows, 'rows')) {
      const times = this.#times(offset)
      if (times === undefined || times.at < (found.at(-1)?.at ?? 0)) {
        this.#skipped.rows++
        continue
      }
      const values = new Float64Array(columns)
      const codes: (typeof COLUMN_CODES)[number][] = []
      for (let column = 0; column < columns; column++) {
        const code = COLUMN_CODES[this.#bytes[offset + parts.codes + column]!] ?? 'unavailable'
        codes.push(code)
        values[column] = code === 'value' ? (this.#number(offset + parts.values + column * 8) ?? NaN) : NaN
      }
      const states = this.#bytes.subarray(offset + parts.guards, offset + parts.guards + guards)
      found.push({
        ...times,
        silence: this.#number(offset + ROW.silence),
        underWay: this.#view.getUint32(offset + ROW.operations, true),
        guards: Array.from(states, (state) => GUARD_STATES[state] ?? 'none'),
        operations: this.#rowOperations(offset + parts.operations, names),
        values,
        codes,
      })
    }
    return found
  }

  #rowOperations(start: number, names: readonly string[]): RecordedOperation[] {
    const found: RecordedOperation[] = []
    for (let index = 0; index < this.#layout.rowOperations; index++) {
      const offset = start + index * ROW_OPERATION_SIZE
      const number = this.#view.getUint32(offset + ROW_OPERATION.number, true)
      const state = this.#view.getUint16(offset + ROW_OPERATION.state, true)
      if (number === 0) continue
      const elapsed = this.#view.getFloat32(offset + ROW_OPERATION.elapsed, true)
      const progress = this.#view.getFloat32(offset + ROW_OPERATION.progress, true)
      found.push({
        number,
        name: names[this.#view.getUint16(offset + ROW_OPERATION.name, true)] ?? '',
        state: OPERATION_STATES[state] === 'canceled' ? 'canceled' : 'running',
        elapsed: Number.isFinite(elapsed) ? Math.max(0, elapsed) : 0,
        progress: shareOf(progress),
      })
    }
    return found
  }

  #notes(start: number, count: number): RecordedNote[] {
    const found: RecordedNote[] = []
    let open: { note: RecordedNote; pieces: Uint8Array[]; parts: number; next: number } | undefined
    const slots = this.#slots(start, NOTE_SIZE, count, 'notes')
    for (const { offset, sequence } of slots) {
      const kind = KIND_OF.get(this.#bytes[offset + NOTE.kind]!)
      const part = this.#bytes[offset + NOTE.part]!
      const parts = this.#bytes[offset + NOTE.parts]!
      const length = this.#view.getUint16(offset + NOTE.textLength, true)
      const times = this.#times(offset)
      const isPlausible = parts >= 1 && parts <= MAX_PARTS && part < parts && length <= NOTE_TEXT
      const continues = open !== undefined && part > 0 && sequence === open.next && part === open.pieces.length
      if (kind === undefined || times === undefined || !isPlausible || (part > 0 && !continues)) {
        this.#skipped.notes++
        open = undefined
        continue
      }
      const piece = this.#bytes.subarray(offset + NOTE.text, offset + NOTE.text + length)
      if (part === 0) {
        const number = this.#view.getUint32(offset + NOTE.number, true)
        const [a, b] = [this.#number(offset + NOTE.a), this.#number(offset + NOTE.b)]
        open = { note: { kind, ...times, number, a, b, text: '' }, pieces: [], parts, next: sequence }
      }
      const current = open!
      current.pieces.push(piece)
      current.next = sequence + 1
      // Without its end, a text is still worth having.
      const note = { ...current.note, text: decoder.decode(Buffer.concat(current.pieces)) }
      if (part === 0) found.push(note)
      else found[found.length - 1] = note
      if (current.pieces.length === current.parts) open = undefined
    }
    return found
  }

  #names(): string[] {
    const { operations, names, operationsOffset } = this.#layout
    if (operations === 0) return []
    const start = operationsOffset + OPERATIONS_HEAD_SIZE + operations * OPERATION_SIZE
    return Array.from({ length: names }, (_, index) => {
      const offset = start + index * NAME_SIZE
      if (this.#isUnused(offset, NAME_SIZE)) return ''
      const length = this.#bytes[offset + NAME.length]!
      if (length <= NAME_TEXT && this.#isIntact(offset, NAME_SIZE))
        return decode(this.#bytes, offset + NAME.text, length)
      this.#skipped.operations++
      return ''
    })
  }

  #operations(names: readonly string[], end: number): RecordedOperation[] {
    const { operations, operationsOffset } = this.#layout
    const found: RecordedOperation[] = []
    for (let index = 0; index < operations; index++) {
      const offset = operationsOffset + OPERATIONS_HEAD_SIZE + index * OPERATION_SIZE
      if (this.#isUnused(offset, OPERATION_SIZE)) continue
      if (!this.#isIntact(offset, OPERATION_SIZE)) {
        this.#skipped.operations++
        continue
      }
      const state = OPERATION_STATES[this.#view.getUint16(offset + OPERATION.state, true)]
      const startedAt = this.#number(offset + OPERATION.startedAt)
      if (state === 'free' || state === undefined || startedAt === undefined) continue
      found.push({
        number: this.#view.getUint32(offset + OPERATION.number, true),
        name: names[this.#view.getUint16(offset + OPERATION.name, true)] ?? '',
        state,
        elapsed: Math.max(0, end - startedAt),
        progress: shareOf(this.#view.getFloat64(offset + OPERATION.progress, true)),
      })
    }
    return found
  }
}

function latest(moments: readonly Moment[]): Moment {
  const { at, wall } = moments.reduce((best, each) => (each.at > best.at ? each : best))
  return { at, wall }
}

/** A share from 0 to 1; undefined for other numbers. */
function shareOf(value: number): number | undefined {
  return value >= 0 && value <= 1 ? value : undefined
}
