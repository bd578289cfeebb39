/** Renders the live view as lines of text; a pure function of its input. */
import { printable } from '../base/printable.js'
import { formatValue } from '../base/units.js'
import { cut, fitColumns, rowLine, titleLine, widest, type Column } from './fit-columns.js'
import type { History } from './history.js'

export interface Row {
  readonly history: History
  /** The limit as the user wrote it, its line, and its state; undefined for a metric without a limit. */
  readonly limit: { readonly text: string; readonly line: number; readonly state: string } | undefined
}

/** What is drawn. */
export interface TableView {
  readonly rows: readonly Row[]
  readonly width: number
  readonly height: number
  readonly color: boolean
  /** The line under the table. */
  readonly cost: string
  readonly paused: boolean
  readonly help: boolean
}

const ESCAPE = '\u001B['
const PLAIN = `${ESCAPE}0m`

const SPARK_LEAST = 8
const SPARK_MOST = 60

const HELP = [
  'min, avg, max and the bars cover the last 60 samples. Bars go from 0 to the end',
  'of the scale, or to the largest value seen where it has no end.',
  'A limit is clear, pending (crossed, but not for long enough), breached,',
  'clearing (better, but not for long enough), or unavailable.',
  '',
  '  q  end      p  pause, go on      ?  this help',
]

/** Returns as many lines as fit, none of them longer than the width. */
export function draw(view: TableView): string[] {
  const wanted = COLUMNS.filter(
    (column) => column.title !== 'limit' || view.rows.some((row) => row.limit !== undefined),
  )
  const columns = fitColumns(wanted, view.rows, view.width)
  const header = titleLine(columns)
  const body = view.help ? HELP : view.rows.map((row) => paint(rowLine(row, columns), row, view.color))
  const room = Math.max(1, view.height - 3)
  const more = body.length > room ? `  ${body.length - room + 1} more lines: a taller terminal shows them` : undefined
  const shown = more === undefined ? body : [...body.slice(0, room - 1), more]
  const keys = view.paused ? 'paused  q end  p go on  ? help' : 'q end  p pause  ? help'
  const bold = view.color ? `${ESCAPE}1m${cut(header, view.width)}${PLAIN}` : cut(header, view.width)
  const lines = [
    bold,
    ...shown.map((line) => cutPainted(line, view.width)),
    '',
    cut(`${keys}  ${view.cost}`, view.width),
  ]
  // More lines than the terminal has would scroll the first ones out of sight.
  return lines.slice(0, view.height)
}

const number =
  (of: (history: History) => number | undefined) =>
  ({ history, limit: beside }: Row): string => {
    const value = of(history)
    if (value !== undefined) return formatValue(value, history.info.unit, beside?.line)
    return of === now && history.why !== '' ? 'n/a' : ''
  }
const now = (history: History): number | undefined => history.now

const label = ({ history }: Row): string => printable(history.label)
const limit = ({ limit: each }: Row): string => (each === undefined ? '' : printable(`${each.text} ${each.state}`))

function numeric(title: string, rank: number, of: (history: History) => number | undefined): Column<Row> {
  return { title, rank, cell: number(of), width: widest(title, 9, number(of)) }
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'metric', rank: 9, left: true, cell: label, width: widest('metric', 0, label) },
  numeric('now', 8, now),
  numeric('min', 3, (history) => history.least),
  numeric('avg', 2, (history) => history.mean),
  numeric('max', 4, (history) => history.most),
  {
    title: '',
    rank: 5,
    left: true,
    cell: ({ history }, width) => (history.why === '' ? history.sparkline(width) : printable(history.why)),
    width: () => SPARK_LEAST,
    most: SPARK_MOST,
  },
  { title: 'limit', rank: 7, left: true, cell: limit, width: widest('limit', 0, limit) },
]

const COLORS: Readonly<Record<string, number>> = { breached: 31, clearing: 33, pending: 33, unavailable: 90 }

function paint(line: string, { limit: each, history }: Row, color: boolean): string {
  const code = COLORS[history.why === '' ? (each?.state ?? '') : 'unavailable']
  return color && code !== undefined ? `${ESCAPE}${code}m${line}${PLAIN}` : line
}

/** Cuts a line that may be in color. */
function cutPainted(line: string, width: number): string {
  if (!line.startsWith(ESCAPE)) return cut(line, width)
  const start = line.indexOf('m') + 1
  return line.slice(0, start) + cut(line.slice(start, -PLAIN.length), width) + PLAIN
}
