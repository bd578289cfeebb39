/**
 * Reads a recording for tests of the recorder. It trusts the file, except for checksums, and shares no code with the reader of
 * the package: what it computes with is zlib's CRC-32 and the offsets of docs/recording-format.md.
 */
import { readFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { GUARD_STATES, NOTES, type NoteKind, type RecordedInfo } from '../../src/record/format.js'

export interface ReadNote {
  readonly kind: NoteKind
  readonly number: number
  readonly a: number
  readonly b: number
  readonly text: string
}

export interface ReadRow {
  readonly sequence: number
  readonly at: number
  readonly silence: number
  readonly operations: number
  readonly guards: readonly string[]
  readonly longest: readonly { readonly name: string | undefined; readonly progress: number }[]
  readonly values: Readonly<Record<string, number>>
}

export interface ReadRecording {
  readonly info: RecordedInfo
  readonly states: readonly ReadNote[]
  readonly entries: readonly ReadNote[]
  readonly lines: readonly ReadNote[]
  readonly rows: readonly ReadRow[]
  /** Slots, not counting unused ones, whose checksum is wrong. */
  readonly torn: number
  readonly underWay: readonly { readonly name: string | undefined; readonly number: number; readonly state: number }[]
}

const KINDS = Object.fromEntries(Object.entries(NOTES).map(([name, number]) => [number, name as NoteKind]))

export function readRecording(file: string): ReadRecording {
  const bytes = readFileSync(file)
  const word = (at: number): number => bytes.readUInt32LE(at)
  const infoBytes = bytes.subarray(word(16), word(16) + word(20))
  if (word(84) !== crc32(infoBytes, crc32(bytes.subarray(0, 84)))) throw new Error('the header is damaged')
  const info = JSON.parse(infoBytes.toString()) as RecordedInfo
  let torn = 0

  const slots = (offset: number, size: number, count: number): Buffer[] =>
    Array.from({ length: count }, (_, index) => bytes.subarray(offset + index * size, offset + (index + 1) * size))
      .filter((slot) => slot.readUInt32LE(4) !== 0)
      .filter((slot) => {
        const whole = crc32(slot.subarray(4)) === slot.readUInt32LE(0)
        if (!whole) torn++
        return whole
      })
      .toSorted((a, b) => a.readUInt32LE(4) - b.readUInt32LE(4))

  const notes = (offset: number, count: number): ReadNote[] => {
    const found: { note: ReadNote; text: Buffer[] }[] = []
    for (const slot of slots(offset, 256, count)) {
      const text = slot.subarray(50, 50 + slot.readUInt16LE(48))
      if (slot.readUInt8(25) > 0) {
        found.at(-1)?.text.push(text)
        continue
      }
      const [number, a, b] = [slot.readUInt32LE(28), slot.readDoubleLE(32), slot.readDoubleLE(40)]
      found.push({ note: { kind: KINDS[slot.readUInt8(24)]!, number, a, b, text: '' }, text: [text] })
    }
    return found.map(({ note, text }) => Object.assign(note, { text: Buffer.concat(text).toString() }))
  }

  const operationsOffset = word(72)
  const slotsOffset = operationsOffset + 64
  const namesOffset = slotsOffset + word(76) * 32
  const nameOf = (index: number): string | undefined => {
    if (index === 0xffff) return undefined
    const slot = bytes.subarray(namesOffset + index * 64, namesOffset + (index + 1) * 64)
    return crc32(slot.subarray(4)) === slot.readUInt32LE(0) ? slot.toString('utf8', 5, 5 + slot.readUInt8(4)) : '?'
  }

  const operationsInRow = 40 + Math.ceil(word(48) / 8) * 8
  const valuesInRow = operationsInRow + word(52) * 16
  const rows = slots(word(32), word(36), word(40)).map((row): ReadRow => {
    const longest = Array.from({ length: word(52) }, (_, index) => operationsInRow + index * 16)
      .filter((at) => row.readUInt32LE(at) !== 0)
      .map((at) => ({ name: nameOf(row.readUInt16LE(at + 4)), progress: row.readFloatLE(at + 12) }))
    return {
      sequence: row.readUInt32LE(4),
      at: row.readDoubleLE(8),
      silence: row.readDoubleLE(24),
      operations: row.readUInt32LE(32),
      guards: [...row.subarray(40, 40 + word(48))].map((state) => GUARD_STATES[state]!),
      longest,
      values: Object.fromEntries(
        info.columns.map(({ metric }, index) => [metric, row.readDoubleLE(valuesInRow + index * 8)]),
      ),
    }
  })

  return {
    info,
    states: notes(word(24), word(28)),
    entries: notes(word(56), word(60)),
    lines: notes(word(64), word(68)),
    rows,
    underWay: slots(slotsOffset, 32, word(76))
      .filter((slot) => slot.readUInt16LE(30) !== 0)
      .map((slot) => ({
        name: nameOf(slot.readUInt16LE(28)),
        number: slot.readUInt32LE(24),
        state: slot.readUInt16LE(30),
      })),
    torn,
  }
}
