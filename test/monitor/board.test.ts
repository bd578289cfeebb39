/** The board as JavaScript reads it, with a writer that a test can stop anywhere. */
import { beforeAll, describe, expect, it } from 'vitest'
import {
  allocateCell,
  allocateFlag,
  freeCell,
  freeFlag,
  isKnown,
  openBoard,
  readCell,
  readCells,
  readFlag,
  type Cell,
} from '../../src/addon/board.js'

let words: Int32Array
beforeAll(() =>
  openBoard((memory) => {
    const larger = new Int32Array(memory.buffer)
    if (words !== undefined) larger.set(words)
    words = larger
  }),
)

const WRITES = 2

function fill(cell: number, count: number, value: number, at: number): void {
  new Float64Array(words.buffer).set([value, at], (cell + 2 + (count % 2) * 4) / 2)
}

function write(cell: number, value: number, at: number): void {
  const count = words[cell]! + 1
  fill(cell, count, value, at)
  words[cell] = count
  words[WRITES]! += 2
}

function read(cell: number): Cell {
  const into = { value: -1, at: -1 }
  readCell(cell, into)
  return into
}

describe('a cell', () => {
  it('holds nothing, then the newest value, then its loss', () => {
    const cell = allocateCell()
    expect(read(cell)).toEqual({ value: 0, at: 0 })
    expect(isKnown(0, 0)).toBe(false)
    for (let i = 1; i < 5; i++) {
      write(cell, i, 100 * i)
      expect(read(cell)).toEqual({ value: i, at: 100 * i })
      expect(readCells([cell, cell])).toEqual([i, 100 * i, i, 100 * i])
    }
    expect(isKnown(4, 400)).toBe(true)
    write(cell, NaN, 500)
    expect(read(cell)).toEqual({ value: NaN, at: 500 })
    expect(isKnown(NaN, 500)).toBe(false)
  })

  it('is read consistently and without waiting while a writer is stopped in the middle', () => {
    const [first, second] = [allocateCell(), allocateCell()]
    write(first, 1, 10)
    write(second, 2, 20)
    // A write to the second cell is in progress: the count of writes is odd, and the other slot is half full.
    words[WRITES]!++
    fill(second, words[second]! + 1, 99, 20)
    expect(read(second)).toEqual({ value: 2, at: 20 })
    expect(readCells([first, second])).toEqual([1, 10, 2, 20])
    words[WRITES]!++
  })

  it('is aligned for doubles, whatever was allocated before', () => {
    allocateFlag()
    const cell = allocateCell()
    expect(cell % 2).toBe(0)
    write(cell, 7, 70)
    // Beyond the first size of the board.
    const many = Array.from({ length: 200 }, () => allocateCell())
    expect(new Set(many).size).toBe(200)
    expect(words.length).toBeGreaterThan(1024)
    expect(read(cell)).toEqual({ value: 7, at: 70 })
    for (const each of many) freeCell(each)
  })
})

describe('a flag', () => {
  it('is used again once it is free, and is clear then', () => {
    const flags = [allocateFlag(), allocateFlag()]
    expect(new Set(flags).size).toBe(2)
    words[flags[0]!] = (3 << 3) | 2
    freeFlag(flags[0]!)
    const again = allocateFlag()
    expect(again).toBe(flags[0])
    expect(readFlag(again)).toBe(0)
  })

  it('is not used again while a region runs, which may still watch it', () => {
    const REGIONS = 3
    const flag = allocateFlag()
    words[REGIONS] = 1
    freeFlag(flag)
    expect(allocateFlag()).not.toBe(flag)
    words[REGIONS] = 0
    expect([allocateFlag(), allocateFlag()]).toContain(flag)
  })
})

describe('a flag', () => {
  it('is free again, and clear, once it was given back', () => {
    const flag = allocateFlag()
    words[flag] = 13
    expect(readFlag(flag)).toBe(13)
    freeFlag(flag)
    expect(readFlag(flag)).toBe(0)
    expect(allocateFlag()).toBe(flag)
    const other = allocateFlag()
    expect(other).not.toBe(flag)
    freeFlag(flag)
    freeFlag(other)
  })

  it('is not given away while a region may watch it', () => {
    const REGIONS = 3
    const flag = allocateFlag()
    words[REGIONS] = 1
    freeFlag(flag)
    const during = allocateFlag()
    expect(during).not.toBe(flag)
    words[REGIONS] = 0
    const after = [allocateFlag(), allocateFlag()]
    expect(after).toContain(flag)
    for (const each of [during, ...after]) freeFlag(each)
  })

  it('takes no more memory however often guards come and go', () => {
    const size = words.length
    for (let i = 0; i < 10_000; i++) freeFlag(allocateFlag())
    for (let i = 0; i < 10_000; i++) freeCell(allocateCell())
    expect(words.length).toBe(size)
  })
})
