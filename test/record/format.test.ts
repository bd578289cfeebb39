/** The layout of recordings: what its page says is what the constants say, and areas never overlap. */
import { readFileSync } from 'node:fs'
import { crc32 as zlibCrc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import {
  HEADER,
  NOTES,
  NOTE_SIZE,
  ROW,
  VERSION,
  crc32,
  layoutOf,
  operationsSize,
  rowLayout,
} from '../../src/record/format.js'
import { MADE_INFO, MadeRecording } from '../helpers/recording.js'

const page = readFileSync(new URL('../../docs/recording-format.md', import.meta.url), 'utf8')

/** The rows of the tables below a heading. */
function cellsBelow(heading: string): string[][] {
  const [, section] = page.split(`\n## ${heading}\n`)
  const lines = section!.split('\n## ')[0]!.split('\n')
  return lines.filter((each) => each.startsWith('| ')).map((each) => each.slice(2, -2).split(' | '))
}

function offsetsBelow(heading: string): number[] {
  return cellsBelow(heading).map(([offset]) => Number(offset))
}

describe('docs/recording-format.md', () => {
  it('has the offsets of the header and of a row', () => {
    expect(offsetsBelow('Header')).toEqual(expect.arrayContaining(Object.values(HEADER)))
    expect(offsetsBelow('Rows')).toEqual(expect.arrayContaining(Object.values(ROW)))
    expect(page).toContain(`The version is **${VERSION}**`)
  })

  it('has the kinds of notes', () => {
    const kinds = cellsBelow('Notes').filter(
      ([kind, , name]) => Number(kind) > 0 && name !== undefined && name in NOTES,
    )
    expect(Object.fromEntries(kinds.map(([kind, , name]) => [name, Number(kind)]))).toEqual(NOTES)
  })
})

describe('the layout', () => {
  const shape = {
    infoLength: 1001,
    columns: 7,
    rows: 600,
    guards: 3,
    rowOperations: 2,
    entries: 9,
    lines: 5,
    operations: 3,
    names: 2,
  }

  it('has areas one after the other', () => {
    const layout = layoutOf(shape)
    const areas = [
      [layout.infoOffset, shape.infoLength],
      [layout.statesOffset, layout.states * NOTE_SIZE],
      [layout.entriesOffset, 9 * NOTE_SIZE],
      [layout.linesOffset, 5 * NOTE_SIZE],
      [layout.operationsOffset, operationsSize(shape)],
      [layout.rowsOffset, 600 * layout.rowSize],
    ] as const
    let end = 88
    for (const [offset, size] of areas) {
      expect(offset).toBeGreaterThanOrEqual(end)
      end = offset + size
    }
    expect(layout.fileSize).toBe(end)
  })

  it('keeps the numbers of a row at multiples of 8', () => {
    const { guards, operations, values, codes, size } = rowLayout(shape)
    expect([guards, operations, values, codes, size]).toEqual([40, 48, 80, 136, 144])
  })

  it('has checksums that other programs can compute', () => {
    const bytes = Buffer.from('a recording')
    expect(crc32(bytes)).toBe(zlibCrc32(bytes))
    expect(crc32(bytes.subarray(3), crc32(bytes.subarray(0, 3)))).toBe(zlibCrc32(bytes))
  })

  it('has a header that covers itself and the information', () => {
    const { bytes, layout } = new MadeRecording({ info: { program: 'ünï' } })
    const info = bytes.subarray(layout.infoOffset, layout.infoOffset + layout.infoLength)
    expect(JSON.parse(info.toString())).toEqual({ ...MADE_INFO, program: 'ünï' })
    expect(bytes.readUInt32LE(HEADER.checksum)).toBe(
      zlibCrc32(Buffer.concat([bytes.subarray(0, HEADER.checksum), info])),
    )
    expect(bytes.length).toBe(bytes.readUInt32LE(HEADER.fileSize))
  })
})
