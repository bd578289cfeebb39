/** Made-up recordings, for tests of the reader. What is written is not checked: hostile files are made with it too. */
import {
  MAGIC,
  NAME,
  NAME_SIZE,
  NAME_TEXT,
  NOTE,
  NOTES,
  NOTE_SIZE,
  NOTE_TEXT,
  NO_NAME,
  OPERATION,
  OPERATIONS_HEAD,
  OPERATIONS_HEAD_SIZE,
  OPERATION_SIZE,
  OPERATION_STATES,
  ROW,
  ROW_OPERATION,
  ROW_OPERATION_SIZE,
  crc32,
  rowLayout,
  type Layout,
  type NoteKind,
  type RecordedInfo,
  type Shape,
} from '../../src/record/format.js'
import { imageOf } from '../../src/record/image.js'

export interface MadeNote {
  kind: NoteKind
  at?: number
  wall?: number
  number?: number
  a?: number
  b?: number
  /** Split into parts where it is too long for one. */
  text?: string
}

export interface MadeOperation {
  number?: number
  name?: string
  state?: (typeof OPERATION_STATES)[number]
  startedAt?: number
  /** In a row, instead of `startedAt`. */
  elapsed?: number
  progress?: number
}

export interface MadeRow {
  at: number
  wall?: number
  silence?: number
  operations?: number
  /** The states of the guards 1, 2 and so on, as numbers. */
  guards?: readonly number[]
  longest?: readonly MadeOperation[]
  /** One per column; NaN has the code `codes[i]`, or 2. */
  values: readonly number[]
  codes?: readonly number[]
}

export interface Made {
  info?: Partial<RecordedInfo>
  shape?: Partial<Shape>
  states?: readonly MadeNote[]
  entries?: readonly MadeNote[]
  lines?: readonly MadeNote[]
  rows?: readonly MadeRow[]
  /** Under way, one per slot. */
  operations?: readonly MadeOperation[]
}

export const MADE_WALL = Date.UTC(2026, 0, 2, 3, 4, 5)
export const MADE_AT = 1_000_000

export const MADE_INFO: RecordedInfo = {
  tripline: '1.0.0',
  of: 'process',
  pid: 4711,
  thread: 0,
  program: '/app/server.js',
  runtime: 'node 24.1.0',
  platform: 'linux-x64',
  at: MADE_AT,
  wall: MADE_WALL,
  interval: 1000,
  columns: [
    { metric: 'process.rss', unit: 'bytes', window: 0 },
    { metric: 'memory', unit: '%', window: 0 },
  ],
  metadata: false,
}

/** The bytes of a recording. Rings wrap as in a real one, so only the last rows and notes are left. */
export class MadeRecording {
  readonly bytes: Buffer
  readonly layout: Layout
  readonly #view: DataView
  readonly #names: string[] = []

  constructor({ info, shape, states, entries, lines, rows, operations }: Made = {}) {
    const full = { ...MADE_INFO, ...info }
    const image = imageOf(
      {
        columns: full.columns.length,
        rows: 16,
        guards: 16,
        rowOperations: 4,
        entries: 16,
        lines: 16,
        operations: 16,
        names: 16,
        ...shape,
      },
      full,
    )
    this.layout = image.layout
    this.bytes = Buffer.from(image.bytes.buffer)
    this.#view = new DataView(image.bytes.buffer)
    operations?.forEach((each, index) => this.#writeOperation(index, each))
    rows?.forEach((each, index) => this.writeRow(index + 1, each))
    this.#writeRing(this.layout.statesOffset, this.layout.states, states)
    this.#writeRing(this.layout.entriesOffset, this.layout.entries, entries)
    this.#writeRing(this.layout.linesOffset, this.layout.lines, lines)
    if (this.layout.operations > 0) this.#writeOperationsHead(operations?.length ?? 0)
  }

  /** Where row `sequence` is. */
  rowOffset(sequence: number): number {
    return this.layout.rowsOffset + ((sequence - 1) % this.layout.rows) * this.layout.rowSize
  }

  writeRow(sequence: number, row: MadeRow): void {
    const view = this.#view
    const { guards, operations, values, codes, size } = rowLayout(this.layout)
    const start = this.rowOffset(sequence)
    view.setUint32(start + ROW.sequence, sequence, true)
    view.setFloat64(start + ROW.at, row.at, true)
    view.setFloat64(start + ROW.wall, row.wall ?? MADE_WALL + row.at - MADE_AT, true)
    view.setFloat64(start + ROW.silence, row.silence ?? 0, true)
    view.setUint32(start + ROW.operations, row.operations ?? row.longest?.length ?? 0, true)
    row.guards?.forEach((state, index) => view.setUint8(start + guards + index, state))
    row.longest?.forEach((each, index) => {
      const at = start + operations + index * ROW_OPERATION_SIZE
      view.setUint32(at + ROW_OPERATION.number, each.number ?? index + 1, true)
      view.setUint16(at + ROW_OPERATION.name, this.#nameOf(each.name), true)
      view.setUint16(at + ROW_OPERATION.state, OPERATION_STATES.indexOf(each.state ?? 'running'), true)
      view.setFloat32(at + ROW_OPERATION.elapsed, each.elapsed ?? 0, true)
      view.setFloat32(at + ROW_OPERATION.progress, each.progress ?? NaN, true)
    })
    row.values.forEach((value, index) => {
      view.setFloat64(start + values + index * 8, value, true)
      view.setUint8(start + codes + index, row.codes?.[index] ?? (Number.isNaN(value) ? 2 : 0))
    })
    this.seal(start, size)
  }

  /** Recomputes the checksum of a row, note, operation or name. */
  seal(start: number, size: number): void {
    this.#view.setUint32(start, crc32(this.bytes.subarray(start + 4, start + size)), true)
  }

  /** Recomputes the checksum of the header. */
  sealHeader(): void {
    const head = crc32(this.bytes.subarray(0, 84))
    const { infoOffset, infoLength } = this.layout
    this.#view.setUint32(84, crc32(this.bytes.subarray(infoOffset, infoOffset + infoLength), head), true)
    if (!MAGIC.every((byte, index) => this.bytes[index] === byte)) throw new Error('no magic')
  }

  #writeRing(offset: number, count: number, notes: readonly MadeNote[] = []): void {
    let sequence = 0
    for (const note of notes) {
      const text = Buffer.from(note.text ?? '')
      const parts = Math.max(1, Math.ceil(text.length / NOTE_TEXT))
      for (let part = 0; part < parts; part++) {
        const start = offset + (sequence % count) * NOTE_SIZE
        this.bytes.fill(0, start, start + NOTE_SIZE)
        this.#writeNote(start, ++sequence, note, part, parts)
        const bytes = text.subarray(part * NOTE_TEXT, (part + 1) * NOTE_TEXT)
        this.#view.setUint16(start + NOTE.textLength, bytes.length, true)
        this.bytes.set(bytes, start + NOTE.text)
        this.seal(start, NOTE_SIZE)
      }
    }
  }

  #writeNote(start: number, sequence: number, note: MadeNote, part: number, parts: number): void {
    const view = this.#view
    const at = note.at ?? MADE_AT
    view.setUint32(start + NOTE.sequence, sequence, true)
    view.setFloat64(start + NOTE.at, at, true)
    view.setFloat64(start + NOTE.wall, note.wall ?? MADE_WALL + at - MADE_AT, true)
    view.setUint8(start + NOTE.kind, NOTES[note.kind])
    view.setUint8(start + NOTE.part, part)
    view.setUint8(start + NOTE.parts, parts)
    view.setUint32(start + NOTE.number, note.number ?? 0, true)
    view.setFloat64(start + NOTE.a, note.a ?? NaN, true)
    view.setFloat64(start + NOTE.b, note.b ?? NaN, true)
  }

  #nameOf(name: string | undefined): number {
    if (name === undefined) return NO_NAME
    const known = this.#names.indexOf(name)
    if (known >= 0) return known
    const index = this.#names.push(name) - 1
    const { operationsOffset, operations } = this.layout
    const start = operationsOffset + OPERATIONS_HEAD_SIZE + operations * OPERATION_SIZE + index * NAME_SIZE
    const text = Buffer.from(name).subarray(0, NAME_TEXT)
    this.#view.setUint8(start + NAME.length, text.length)
    this.bytes.set(text, start + NAME.text)
    this.seal(start, NAME_SIZE)
    return index
  }

  #writeOperation(index: number, operation: MadeOperation): void {
    const view = this.#view
    const start = this.layout.operationsOffset + OPERATIONS_HEAD_SIZE + index * OPERATION_SIZE
    view.setUint32(start + OPERATION.generation, 2, true)
    view.setFloat64(start + OPERATION.startedAt, operation.startedAt ?? MADE_AT, true)
    view.setFloat64(start + OPERATION.progress, operation.progress ?? NaN, true)
    view.setUint32(start + OPERATION.number, operation.number ?? index + 1, true)
    view.setUint16(start + OPERATION.name, this.#nameOf(operation.name), true)
    view.setUint16(start + OPERATION.state, OPERATION_STATES.indexOf(operation.state ?? 'running'), true)
    this.seal(start, OPERATION_SIZE)
  }

  #writeOperationsHead(underWay: number): void {
    const { operationsOffset: start } = this.layout
    this.#view.setUint32(start + OPERATIONS_HEAD.changes, 1, true)
    this.#view.setUint32(start + OPERATIONS_HEAD.underWay, underWay, true)
    this.#view.setUint32(start + OPERATIONS_HEAD.names, this.#names.length, true)
  }
}
