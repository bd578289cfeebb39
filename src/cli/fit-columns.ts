/** Fits the columns of a table into the width of a terminal. */

/** A column of a table whose rows are of the type `R`. */
export interface Column<R> {
  readonly title: string
  readonly cell: (row: R, width: number) => string
  readonly width: (rows: readonly R[]) => number
  /** If the terminal is too narrow, the columns with the lowest rank are left out first. */
  readonly rank: number
  readonly left?: boolean
  /** Whether it takes the width that is left, up to this. */
  readonly most?: number
}

/** The columns that fit, and how wide each is. */
export interface Fitted<R> {
  readonly column: Column<R>
  readonly width: number
}

const GAP = 2

/** Leaves out what does not fit. The first column is always there. */
export function fitColumns<R>(columns: readonly Column<R>[], rows: readonly R[], width: number): Fitted<R>[] {
  const chosen = new Map<Column<R>, number>()
  let room = width
  for (const column of columns.toSorted((a, b) => b.rank - a.rank)) {
    const needed = column.width(rows) + (chosen.size === 0 ? 0 : GAP)
    if (needed > room && chosen.size > 0) continue
    chosen.set(column, column.width(rows))
    room -= needed
  }
  const list = columns.filter((column) => chosen.has(column))
  return list.map((column) => {
    const own = chosen.get(column)!
    return { column, width: column.most === undefined ? own : Math.min(column.most, own + Math.max(0, room)) }
  })
}

/** The line with the titles. */
export function titleLine<R>(columns: readonly Fitted<R>[]): string {
  return columns.map(({ column, width }) => fit(column.title, width, column.left)).join(' '.repeat(GAP))
}

/** The line of a row. */
export function rowLine<R>(row: R, columns: readonly Fitted<R>[]): string {
  return columns.map(({ column, width }) => fit(column.cell(row, width), width, column.left)).join(' '.repeat(GAP))
}

/** As wide as the widest cell, the title, and `least`. */
export const widest =
  <R>(title: string, least: number, cell: (row: R) => string) =>
  (rows: readonly R[]): number =>
    Math.max(title.length, least, ...rows.map((row) => cell(row).length))

export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`
}

function fit(text: string, width: number, left: boolean = false): string {
  return left ? cut(text, width).padEnd(width) : cut(text, width).padStart(width)
}
