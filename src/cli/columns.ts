/** Rows of words as lines with aligned columns. */
import { printable } from '../base/printable.js'

export interface ColumnOptions {
  /** Blanks between two columns. */
  readonly gap?: number
  /** The columns that are aligned to the right, by index. */
  readonly right?: readonly number[]
}

/** One line per row, control characters escaped. Columns are as wide as their widest cell; the last one is not padded. */
export function alignColumns(
  table: readonly (readonly string[])[],
  { gap = 2, right = [] }: ColumnOptions = {},
): string[] {
  const rows = table.map((row) => row.map(printable))
  const widths: number[] = []
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  return rows.map((row) =>
    row
      .map((cell, at) => {
        if (right.includes(at)) return cell.padStart(widths[at]!)
        return at === row.length - 1 ? cell : cell.padEnd(widths[at]!)
      })
      .join(' '.repeat(gap)),
  )
}
