/** Reading recordings: what was written comes back, and files that anything may have written are refused or read in part. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { UnreadableRecordingError } from '../../src/base/errors.js'
import { explainLines } from '../../src/cli/explain-text.js'
import { describeRun } from '../../src/record/describe-run.js'
import { HEADER, MAX, NOTE, NOTE_SIZE, ROW, type RecordedInfo } from '../../src/record/format.js'
import { parseRecording, readRecording, type RecordedFile } from '../../src/record/reader.js'
import { MADE_AT, MADE_INFO, MADE_WALL, MadeRecording, type Made } from '../helpers/recording.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-reader-'))
afterAll(() => rmSync(folder, { recursive: true }))

const place = (name: string): string => join(folder, name)
const read = (made: Made = {}): RecordedFile => parseRecording(new MadeRecording(made).bytes, 'made')

function kindOf(attempt: () => unknown): UnreadableRecordingError['kind'] | undefined {
  try {
    attempt()
    return undefined
  } catch (error) {
    if (!(error instanceof UnreadableRecordingError)) throw error
    expect(error.code).toBe('ERR_TRIPLINE_RECORDING_UNREADABLE')
    return error.kind
  }
}

const ROWS = Array.from({ length: 20 }, (_, index) => ({
  at: MADE_AT + index * 1000,
  silence: index,
  guards: [1, 3],
  longest: [{ number: 9, name: 'import', state: 'canceled' as const, elapsed: 1500, progress: 0.25 }, {}],
  values: [index, NaN],
}))

describe('a recording', () => {
  it('has the newest rows in order', () => {
    const { rows, skipped, end } = read({ rows: ROWS })
    expect(rows.map(({ at }) => at - MADE_AT)).toEqual(Array.from({ length: 16 }, (_, index) => (index + 4) * 1000))
    expect(end).toEqual({ at: MADE_AT + 19_000, wall: MADE_WALL + 19_000 })
    expect(skipped).toEqual({ rows: 0, notes: 0, operations: 0 })
    expect(rows.at(-1)).toMatchObject({ silence: 19, underWay: 2, codes: ['value', 'unavailable'] })
    expect([...rows.at(-1)!.values]).toEqual([19, NaN])
    expect(rows.at(-1)!.guards.slice(0, 3)).toEqual(['clear', 'breached', 'none'])
    expect(rows.at(-1)!.operations).toEqual([
      { number: 9, name: 'import', state: 'canceled', elapsed: 1500, progress: 0.25 },
      { number: 2, name: '', state: 'running', elapsed: 0, progress: undefined },
    ])
  })

  it('has its notes, with long texts put together', () => {
    const long = `${'ä'.repeat(300)}end`
    const { states, entries, lines } = read({
      states: [{ kind: 'running', number: 7 }],
      entries: [
        { kind: 'blocked', a: 12, text: long },
        { kind: 'mark', text: 'x' },
      ],
      lines: [{ kind: 'line', text: 'first' }],
    })
    expect(states).toMatchObject([{ kind: 'running', number: 7, at: MADE_AT, a: undefined }])
    expect(entries).toMatchObject([
      { kind: 'blocked', a: 12, text: long },
      { kind: 'mark', text: 'x' },
    ])
    expect(lines).toMatchObject([{ text: 'first' }])
  })

  it('has the operations under way, with their age at the end', () => {
    const operations = [
      { name: 'import', startedAt: MADE_AT + 17_000, progress: 0.5 },
      { name: 'old', state: 'free' as const },
    ]
    expect(read({ rows: ROWS, operations }).operations).toEqual([
      { number: 1, name: 'import', state: 'running', elapsed: 2000, progress: 0.5 },
    ])
  })

  it('without a row is one that ended at once', () => {
    expect(read().rows).toEqual([])
    expect(read().end).toEqual({ at: MADE_AT, wall: MADE_WALL })
  })
})

describe('a torn part', () => {
  it('is left out and counted', () => {
    const made = new MadeRecording({
      rows: ROWS.slice(0, 5),
      entries: [
        { kind: 'mark', text: 'a' },
        { kind: 'mark', text: 'b'.repeat(300) },
        { kind: 'mark', text: 'c' },
      ],
      operations: [{ name: 'import' }],
    })
    made.bytes[made.rowOffset(5) + 50]! ^= 1
    made.bytes[made.layout.entriesOffset + NOTE_SIZE + NOTE.text]! ^= 1
    made.bytes[made.layout.operationsOffset + 64 + 16]! ^= 1
    const { rows, entries, operations, skipped } = parseRecording(made.bytes, 'torn')
    expect(rows).toHaveLength(4)
    expect(entries.map(({ text }) => text)).toEqual(['a', 'c'])
    expect(operations).toEqual([])
    expect(skipped).toEqual({ rows: 1, notes: 2, operations: 1 })
  })

  it('may be one whose place, time or length is impossible', () => {
    const made = new MadeRecording({ rows: ROWS.slice(0, 4), entries: [{ kind: 'mark', text: 'a' }] })
    const view = new DataView(made.bytes.buffer)
    const { entriesOffset, rowSize } = made.layout
    view.setUint32(made.rowOffset(1) + ROW.sequence, 3, true)
    view.setFloat64(made.rowOffset(2) + ROW.wall, 1e300, true)
    view.setUint32(made.rowOffset(4) + ROW.sequence, 4 + 16 * 1000, true)
    for (const row of [1, 2, 4]) made.seal(made.rowOffset(row), rowSize)
    view.setUint16(entriesOffset + NOTE.textLength, 65_535, true)
    made.seal(entriesOffset, NOTE_SIZE)
    // Row 3 was overwritten long before row 16004.
    expect(parseRecording(made.bytes, 'made')).toMatchObject({ entries: [], skipped: { rows: 3, notes: 1 } })
  })
})

describe('a file that is refused', () => {
  const { bytes } = new MadeRecording({ rows: ROWS })

  it.each<[string, UnreadableRecordingError['kind'], () => Uint8Array]>([
    ['empty', 'not-a-recording', () => new Uint8Array()],
    ['text', 'not-a-recording', () => Buffer.from('a'.repeat(5000))],
    ['begun', 'truncated', () => bytes.subarray(0, 60)],
    ['cut', 'truncated', () => bytes.subarray(0, bytes.length - 1)],
    ['longer', 'damaged', () => Buffer.concat([bytes, Buffer.alloc(9)])],
    ['header', 'damaged', () => Buffer.from(bytes).fill(1, HEADER.checksum, HEADER.checksum + 4)],
    ['version', 'version', () => Buffer.from(bytes).fill(9, HEADER.version, HEADER.version + 1)],
    ['rows', 'damaged', () => Buffer.from(bytes).fill(0xff, HEADER.rows, HEADER.rows + 4)],
  ])('is %s: %s', (name, kind, content) => {
    writeFileSync(place(name), content())
    expect(kindOf(() => readRecording(place(name)))).toBe(kind)
  })

  it('has an offset or count that does not fit, with a right checksum', () => {
    const { version: _, checksum: __, ...fields } = HEADER
    for (const [name, offset] of Object.entries(fields)) {
      for (const value of [0xffff_ffff, 0x7fff_ffff, 1 << 20]) {
        const made = new MadeRecording()
        made.bytes.writeUInt32LE(value, offset)
        made.sealHeader()
        expect(kindOf(() => parseRecording(made.bytes, name))).toMatch(/^(?:damaged|truncated)$/)
      }
    }
  })

  it.each<[string, object | string]>([
    ['a text', '"x"'],
    ['no member', {}],
    ['a wrong type', { ...MADE_INFO, program: 5 }],
    ['a time that no date has', { ...MADE_INFO, wall: 1e300 }],
    ['an interval of 0', { ...MADE_INFO, interval: 0 }],
    ['more columns than the header', { ...MADE_INFO, columns: [...MADE_INFO.columns, ...MADE_INFO.columns] }],
  ])('has information that is %s', (_, info) => {
    const made = new MadeRecording({ shape: { columns: 2 }, info: info as Partial<RecordedInfo> })
    const text = typeof info === 'string' ? info : JSON.stringify(info)
    const { infoOffset, infoLength } = made.layout
    made.bytes.fill(0x20, infoOffset, infoOffset + infoLength)
    made.bytes.write(text.slice(0, infoLength), infoOffset)
    made.sealHeader()
    expect(kindOf(() => parseRecording(made.bytes, 'info'))).toBe('damaged')
  })

  it.runIf(process.platform === 'linux')('is endless, or no file', () => {
    mkdirSync(place('directory'))
    execFileSync('mkfifo', [place('pipe')])
    writeFileSync(place('whole'), bytes)
    symlinkSync(place('whole'), place('link'))
    for (const each of [place('directory'), place('pipe'), place('link'), '/dev/zero', '/dev/full']) {
      expect([each, kindOf(() => readRecording(each))]).toEqual([each, 'not-a-file'])
    }
    writeFileSync(place('large'), bytes)
    truncateSync(place('large'), MAX.fileSize + 1)
    expect(kindOf(() => readRecording(place('large')))).toBe('too-large')
    expect(kindOf(() => readRecording(place('nothing')))).toBe('not-found')
    expect(kindOf(() => readRecording(place('whole/below')))).toBe('not-found')
    // A file of /proc has a size of 0, whatever it contains.
    expect(kindOf(() => readRecording('/proc/self/maps'))).toBe('not-a-recording')
    expect(kindOf(() => readRecording(place('whole')))).toBeUndefined()
  })

  it('is named without control characters', () => {
    expect(() => readRecording(`${folder}/\u001B[31m`)).toThrow(/\\u001b\[31m.*cannot be read/)
  })
})

/** Changes of a file that keep its length, and whether checksums are made right afterwards. */
const damage = fc.record({
  flips: fc.array(
    fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), bits: fc.integer({ min: 1, max: 255 }) }),
    {
      maxLength: 8,
    },
  ),
  fill: fc.option(
    fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), byte: fc.integer({ min: 0, max: 255 }) }),
  ),
  cut: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
  seal: fc.boolean(),
})

describe('a damaged file', () => {
  const CONTENT: Made = {
    rows: ROWS,
    states: [{ kind: 'running' }, { kind: 'exit', number: 1 }],
    entries: [
      { kind: 'blocked', text: 'at x '.repeat(100) },
      { kind: 'guard', number: 1, text: '{"limits":[]}' },
    ],
    lines: [{ kind: 'line', text: 'y' }],
    operations: [{ name: 'import' }, { name: 'export' }],
  }

  const change = ({ flips, fill, cut, seal }: typeof damage extends fc.Arbitrary<infer T> ? T : never): Uint8Array => {
    const made = new MadeRecording(CONTENT)
    const { bytes } = made
    for (const { at, bits } of flips) bytes[Math.floor(at * (bytes.length - 1))]! ^= bits
    if (fill !== null) {
      const from = Math.floor(fill.at * bytes.length)
      bytes.fill(fill.byte, from, Math.min(from + 64, bytes.length))
    }
    if (seal && bytes[0] === 0x89) {
      // What a forger would do: the parts are nonsense, and their checksums right.
      const { entriesOffset, entries, rows, rowSize } = made.layout
      for (let index = 0; index < entries; index++) made.seal(entriesOffset + index * NOTE_SIZE, NOTE_SIZE)
      for (let row = 1; row <= rows; row++) made.seal(made.rowOffset(row), rowSize)
      try {
        made.sealHeader()
      } catch {
        // The first bytes are wrong.
      }
    }
    return cut === null ? bytes : bytes.subarray(0, Math.floor(cut * bytes.length))
  }

  it('is read in part or refused, whatever was changed', () => {
    fc.assert(
      fc.property(damage, (given) => {
        const bytes = change(given)
        try {
          const content = parseRecording(bytes, 'damaged')
          const { rows, entries, info } = content
          const run = describeRun(content)
          for (const text of explainLines({ run, guards: [], width: 40, color: false, brief: false })) {
            expect(text).not.toMatch(/\p{Cc}/u)
          }
          expect(rows.length).toBeLessThanOrEqual(16)
          for (const row of rows) expect(row.values.length).toBe(info.columns.length)
          for (const { text } of entries) expect(text.length).toBeLessThanOrEqual(16 * 206)
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableRecordingError)
        }
      }),
      { numRuns: 3000 },
    )
  })
})
