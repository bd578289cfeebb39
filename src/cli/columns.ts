/** Prints a table as lines with aligned columns. */
import { printable } from '../base/printable.js'

export interface ColumnOptions {
  /** The number of blanks between two columns. @default 2 */
  readonly gap?: number
  /** The indexes of the columns that are aligned to the right. */
  readonly right?: readonly number[]
}

/** Returns one line per row, with control characters escaped. Each column is as wide as its widest cell; the last is not padded. */
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
