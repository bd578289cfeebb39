/** The files that are generated from the table of metrics follow from it. */
import { describe, expect, it } from 'vitest'
import { parseTable, read, toDocs, toTypeScript } from '../../scripts/generate-metrics.js'
import { SELECTORS } from '../../src/addon/metrics.js'

const text = read('native/port/metrics.def')
const table = parseTable(text)
const page = read('docs/metrics.md')

/** The table with one more metric, before `cpu.host`. */
function withMetric(row: string): string {
  return text.replace(/METRIC\(CpuHost,/, `${row}\nMETRIC(CpuHost,`)
}

const ADDED =
  'METRIC(CpuNew, "cpu.new", "%", kRatio, kBelow, 100, 500, 2000, Cpu, Machine, kLinux | kMacos,\n       "New, and so on.")'

describe('the output generated from native/port/metrics.def', () => {
  it('includes the TypeScript table', () => {
    expect(read('src/addon/metrics-table.ts')).toBe(toTypeScript(table))
  })

  it('includes the columns of docs/metrics.md, with every metric once', () => {
    expect(page).toBe(toDocs(table, page))
    const names = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name)
    expect(new Set(names)).toEqual(new Set(table.map(({ name }) => name)))
    expect(names).toHaveLength(table.length)
  })

  it('has a source for every system of a metric', () => {
    expect(page).not.toContain('| ? |')
  })

  it('has selectors for every scope', () => {
    expect(new Set(Object.keys(SELECTORS))).toEqual(new Set(table.map(({ scope }) => scope)))
  })

  it('gets a row for a new metric, with question marks in place of its sources', () => {
    const rows = toDocs(parseTable(withMetric(ADDED)), page).split('\n')
    const at = rows.findIndex((row) => row.startsWith('| `cpu.new` |'))
    expect(rows[at - 1]).toMatch(/^\| `cpu` \|/)
    expect(rows[at]).toBe('| `cpu.new` | %, *below* | ? | ? | - | 100 ms | 500 ms | 2 s |')
    expect(toTypeScript(parseTable(withMetric(ADDED)))).toContain(
      "  /** New, and so on. */\n  'cpu.new': ['%', 'ratio', 'below', 100, 500, 2000, 'machine'],\n",
    )
  })

  it('loses the row of a removed metric', () => {
    const rest = table.filter(({ name }) => name !== 'load')
    expect(toDocs(rest, page)).not.toContain('| `load` |')
  })

  it.each([
    [ADDED.replace('cpu.new', 'load'), "'load' is there twice"],
    [ADDED.replace('Machine', 'Path'), 'two scopes in the family Cpu'],
    [ADDED.replace(', 2000', ''), 'a row with 11 cells'],
  ])('cannot be generated from an inconsistent table', (row, why) => {
    expect(() => parseTable(withMetric(row))).toThrow(why)
  })
})
