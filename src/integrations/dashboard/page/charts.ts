/** Metrics: a chart for each, with the lines of guards and the time of their breaches, or all of them in a table. */
import uPlot from 'uplot'
import type { Column, Line } from '../protocol.js'
import { badge, breakable, byId, el, headOf, KeyedList, setAttribute, setText, type Item } from './dom.js'
import { axisText, clockText, spanText, valueText } from './format.js'
import type { Store } from './store.js'

const HEIGHT = 118
/** The axis has room for at least so many samples, so a short history does not fill it. */
const MIN_SAMPLES = 60
/** Samples after which the summary for screen readers is written again. */
const SUMMARY_EVERY = 5

/** Colors and fonts, from the style sheet. */
interface Colors {
  readonly line: string
  readonly fill: string
  readonly limit: string
  readonly breach: string
  readonly grid: string
  readonly text: string
  readonly font: string
}

function readColors(): Colors {
  const style = getComputedStyle(document.documentElement)
  const of = (name: string): string => style.getPropertyValue(`--${name}`).trim()
  return {
    line: of('accent'),
    fill: of('accent-soft'),
    limit: of('bad'),
    breach: of('bad-soft'),
    grid: of('grid'),
    text: of('quiet'),
    font: '11px system-ui, sans-serif',
  }
}

let colors: Colors | undefined
const color = (): Colors => (colors ??= readColors())

/** The upper end of the scale: a round number above all values and lines. */
function scaleEnd(most: number, { unit, max }: Column): number {
  if (unit === '%' && max !== null) return [2, 5, 10, 25, 50].find((each) => each >= most * 1.1) ?? 100
  if (unit === 'flag') return 1
  if (!(most > 0)) return 1
  let scale = 1000 ** Math.max(0, Math.floor(Math.log(most) / Math.log(1000)))
  if (most < 1) scale = 10 ** Math.floor(Math.log10(most))
  const steps = [1, 2, 4, 6, 8, 10, 20, 40, 60, 80, 100, 200, 400, 600, 800, 1000]
  return (steps.find((each) => each * scale >= most * 1.05) ?? 2000) * scale
}

/** The summary of a column. */
interface Summary {
  readonly now: number | null
  readonly least: number | null
  readonly mean: number | null
  readonly most: number | null
}

function summarize(values: readonly (number | null)[]): Summary {
  let least = Infinity
  let most = -Infinity
  let sum = 0
  let count = 0
  for (const each of values) {
    if (each === null) continue
    if (each < least) least = each
    if (each > most) most = each
    sum += each
    count++
  }
  const now = values.at(-1) ?? null
  return count === 0 ? { now, least: null, mean: null, most: null } : { now, least, mean: sum / count, most }
}

/** The state of the worst guard on a metric; charts of breached ones come first. */
const WORST = ['breached', 'clearing', 'pending', 'unavailable', 'clear'] as const

function stateOf(store: Store, place: number): string | undefined {
  const states = store.parts.guards
    .filter(({ rules }) => rules.some(({ column }) => column === place))
    .map(({ state }) => state)
  return WORST.find((each) => states.includes(each))
}

function linesText(lines: readonly Line[]): string {
  return lines.map(({ text }) => `limit ${text}`).join(', ')
}

class Chart implements Item<Column> {
  readonly root: HTMLElement
  readonly #store: Store
  readonly #place: number
  readonly #value = el('p', { class: 'value' })
  readonly #note = el('p', { class: 'note' })
  readonly #state = el('span', { class: 'state' })
  readonly #plot = el('div', { class: 'plot', role: 'img' })
  #chart: uPlot | undefined
  #isSeen = false
  #drawnAt = 0
  #summaries = 0
  #pointed: number | null = null

  constructor(store: Store, place: number, onPoint: (index: number | null) => void) {
    this.#store = store
    this.#place = place
    const { text, help } = this.#column
    const title = el('h3', { title: help }, ...breakable(text))
    this.root = el(
      'article',
      { class: 'chart card' },
      el('div', { class: 'bar' }, title, this.#value),
      this.#plot,
      el('div', { class: 'under' }, this.#state, this.#note),
    )
    seen.observe(this.#plot)
    sized.observe(this.#plot)
    watchers.set(this.#plot, {
      seen: (is) => {
        this.#isSeen = is
        if (is) this.#draw()
      },
      sized: () => this.#resize(),
    })
    this.#onPoint = onPoint
  }

  readonly #onPoint: (index: number | null) => void

  get #column(): Column {
    return this.#store.columns[this.#place]!
  }

  get #lines(): readonly Line[] {
    return this.#store.parts.lines[this.#place] ?? []
  }

  update(): void {
    const { unit } = this.#column
    const why = this.#store.parts.why[this.#place]
    const state = why === undefined ? stateOf(this.#store, this.#place) : 'unavailable'
    if (this.#state.dataset['state'] !== (state ?? '')) {
      this.#state.dataset['state'] = state ?? ''
      this.#state.replaceChildren(...(state === undefined ? [] : [badge(state, why === undefined ? state : 'missing')]))
    }
    if (this.#pointed === null) setText(this.#value, valueText(this.#store.newest(this.#place), unit))
    setText(this.#note, [why, linesText(this.#lines)].filter((each) => each !== undefined && each !== '').join(' · '))
    setAttribute(this.root, 'data-state', state)
    if (this.#summaries++ % SUMMARY_EVERY === 0) this.#describe()
    this.#draw()
  }

  /** The same moment in all charts. */
  point(index: number | null): void {
    this.#pointed = index
    const { unit } = this.#column
    const value = index === null ? this.#store.newest(this.#place) : this.#store.values[this.#place]?.[index]
    setText(this.#value, valueText(value, unit))
    this.root.classList.toggle('pointed', index !== null)
  }

  redraw(): void {
    this.#chart?.redraw(false)
  }

  remove(): void {
    this.#chart?.destroy()
    seen.unobserve(this.#plot)
    sized.unobserve(this.#plot)
    watchers.delete(this.#plot)
  }

  #describe(): void {
    const { text, unit } = this.#column
    const { now, least, mean, most } = summarize(this.#store.values[this.#place] ?? [])
    const { times } = this.#store
    const span = times.length < 2 ? '' : ` over the last ${spanText((times.at(-1)! - times[0]!) * 1000)}`
    const range =
      least === null
        ? 'no values yet'
        : `from ${valueText(least, unit)} to ${valueText(most, unit)}, on average ${valueText(mean, unit)}${span}`
    const lines = linesText(this.#lines)
    setAttribute(
      this.#plot,
      'aria-label',
      `Chart of ${text}: now ${valueText(now, unit)}, ${range}${lines === '' ? '' : `; ${lines}`}`,
    )
  }

  #draw(): void {
    if (!this.#isSeen || document.hidden) return
    const width = this.#plot.clientWidth
    if (width === 0) return
    const data: uPlot.AlignedData = [this.#store.times, this.#store.values[this.#place] ?? []]
    if (this.#chart === undefined) this.#chart = new uPlot(this.#options(width), data, this.#plot)
    else this.#chart.setData(data)
    this.#drawnAt = this.#store.times.at(-1) ?? 0
  }

  #resize(): void {
    const width = this.#plot.clientWidth
    if (this.#chart !== undefined && width > 0 && Math.abs(this.#chart.width - width) >= 1) {
      this.#chart.setSize({ width, height: HEIGHT })
    }
  }

  #options(width: number): uPlot.Options {
    const { unit } = this.#column
    const axis = {
      stroke: () => color().text,
      font: color().font,
      grid: { stroke: () => color().grid, width: 1 },
      ticks: { show: false },
    }
    return {
      width,
      height: HEIGHT,
      padding: [8, 10, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: 'metrics' },
        drag: { x: false, y: false, setScale: false },
        y: false,
        points: { size: 6 },
      },
      scales: {
        x: { time: true, range: () => this.#span() },
        y: { range: (_, __, most) => [0, this.#end(most)] },
      },
      axes: [
        { ...axis, size: 26, gap: 8, space: 70, grid: { show: false }, values: (_, splits) => splits.map(timeText) },
        {
          ...axis,
          size: 52,
          gap: 4,
          splits: (_, __, least, most) => [least, (least + most) / 2, most],
          values: (_, splits) => splits.map((each) => axisText(each, unit)),
        },
      ],
      series: [
        {},
        {
          stroke: () => color().line,
          fill: () => color().fill,
          width: 1.5,
          points: { show: false },
          spanGaps: false,
        },
      ],
      hooks: {
        drawClear: [(plot) => this.#drawBreaches(plot)],
        draw: [(plot) => this.#drawLines(plot)],
        setCursor: [
          (plot) =>
            this.#onPoint(plot.cursor.left === undefined || plot.cursor.left < 0 ? null : (plot.cursor.idx ?? null)),
        ],
      },
    }
  }

  #span(): [number, number] {
    const { times, about } = this.#store
    const last = times.at(-1) ?? 0
    const least = (MIN_SAMPLES * about!.interval) / 1000
    return [Math.min(times[0] ?? last, last - least), last]
  }

  #end(most: number | null): number {
    const values = [most ?? 0, ...this.#lines.map(({ value }) => value)]
    return scaleEnd(Math.max(...values.filter(Number.isFinite), 0), this.#column)
  }

  /** The times in which a guard on this metric was breached. */
  #drawBreaches(plot: uPlot): void {
    const { ctx, bbox } = plot
    const { guards, breaches } = this.#store.parts
    const keys = new Set(
      guards.flatMap(({ key, rules }) => (rules.some(({ column }) => column === this.#place) ? [key] : [])),
    )
    ctx.save()
    ctx.fillStyle = color().breach
    for (const { guardKey, since, until } of breaches) {
      if (!keys.has(guardKey)) continue
      const from = Math.max(bbox.left, plot.valToPos(since / 1000, 'x', true))
      const to = Math.min(
        bbox.left + bbox.width,
        plot.valToPos((until ?? this.#drawnAt * 1000 + 1e6) / 1000, 'x', true),
      )
      if (to >= from) ctx.fillRect(from, bbox.top, Math.max(1, to - from), bbox.height)
    }
    ctx.restore()
  }

  #drawLines(plot: uPlot): void {
    const { ctx, bbox } = plot
    const ratio = uPlot.pxRatio
    ctx.save()
    ctx.strokeStyle = color().limit
    ctx.lineWidth = 1.5 * ratio
    ctx.setLineDash([5 * ratio, 4 * ratio])
    for (const { value } of this.#lines) {
      const y = Math.round(plot.valToPos(value, 'y', true))
      if (y < bbox.top - 1 || y > bbox.top + bbox.height + 1) continue
      ctx.beginPath()
      ctx.moveTo(bbox.left, y)
      ctx.lineTo(bbox.left + bbox.width, y)
      ctx.stroke()
    }
    ctx.restore()
  }
}

function timeText(at: number): string {
  const date = new Date(at * 1000)
  const options: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }
  if (date.getSeconds() !== 0) options.second = '2-digit'
  return date.toLocaleTimeString(undefined, options)
}

interface Watcher {
  seen(is: boolean): void
  sized(): void
}

const watchers = new Map<Element, Watcher>()
/** A chart that is out of sight is not drawn. */
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) watchers.get(target)?.seen(isIntersecting)
})
const sized = new ResizeObserver((entries) => {
  for (const { target } of entries) watchers.get(target)?.sized()
})

/** A row of the table. */
class Row implements Item<number> {
  readonly root: HTMLElement
  readonly #store: Store
  readonly #cells: readonly HTMLElement[]

  constructor(store: Store, place: number) {
    this.#store = store
    this.#cells = [0, 1, 2, 3, 4, 5].map((index) => el('td', { class: index < 4 ? 'number' : undefined }))
    this.root = el('tr', {}, el('th', { scope: 'row' }, store.columns[place]!.text), ...this.#cells)
  }

  update(place: number): void {
    const { unit } = this.#store.columns[place]!
    const { now, least, mean, most } = summarize(this.#store.values[place] ?? [])
    const texts = [now, least, mean, most].map((each) => valueText(each, unit))
    const why = this.#store.parts.why[place]
    const lines = linesText(this.#store.parts.lines[place] ?? []).replaceAll('limit ', '')
    const state = why ?? stateOf(this.#store, place) ?? ''
    for (const [index, text] of [...texts, lines, state].entries()) setText(this.#cells[index]!, text)
    setAttribute(this.root, 'data-state', why === undefined ? state : 'unavailable')
  }
}

export class Metrics {
  readonly #store: Store
  readonly #charts = byId('charts')
  readonly #table = byId('table')
  readonly #cursor = byId('cursor')
  #items: Chart[] = []
  #places: readonly number[] = []
  #rows: KeyedList<number> | undefined
  #version = -1
  #asTable = false

  constructor(store: Store) {
    this.#store = store
    byId('as-charts').addEventListener('click', () => this.#switch(false))
    byId('as-table').addEventListener('click', () => this.#switch(true))
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    scheme.addEventListener('change', () => {
      colors = undefined
      for (const each of this.#items) each.redraw()
    })
    document.addEventListener('visibilitychange', () => this.show())
  }

  show(): void {
    if (this.#version !== this.#store.version) this.#rebuild()
    if (this.#asTable) this.#rows?.show(this.#places)
    else for (const each of this.#items) each.update()
  }

  #switch(asTable: boolean): void {
    this.#asTable = asTable
    byId('as-charts').setAttribute('aria-pressed', String(!asTable))
    byId('as-table').setAttribute('aria-pressed', String(asTable))
    this.#charts.hidden = asTable
    this.#table.hidden = !asTable
    this.show()
  }

  #rebuild(): void {
    this.#version = this.#store.version
    for (const each of this.#items) each.remove()
    const { lines } = this.#store.parts
    // Metrics with a limit come first.
    const places = [...this.#store.columns.keys()]
    this.#places = [...places.filter((each) => lines[each]?.length), ...places.filter((each) => !lines[each]?.length)]
    this.#items = this.#places.map((place) => new Chart(this.#store, place, (index) => this.#point(index)))
    this.#charts.replaceChildren(...this.#items.map(({ root }) => root))
    const body = el('tbody')
    const head = headOf(['metric', 'now', 'least', 'mean', 'most', 'limit', 'state'], [1, 2, 3, 4])
    this.#table.replaceChildren(el('table', {}, head, body))
    this.#rows = new KeyedList(body, String, (place) => new Row(this.#store, place))
    this.#showMissing()
  }

  #showMissing(): void {
    const { missing } = this.#store
    const list = missing.map(({ text, why }) => el('li', {}, el('b', {}, text), `: ${why}`))
    const title = `${missing.length === 1 ? 'One metric is' : `${missing.length} metrics are`} not available here`
    const details = el('details', {}, el('summary', {}, title), el('ul', {}, ...list))
    byId('missing').replaceChildren(...(missing.length === 0 ? [] : [details]))
  }

  #point(index: number | null): void {
    for (const each of this.#items) each.point(index)
    const at = index === null ? undefined : this.#store.times[index]
    setText(this.#cursor, at === undefined ? '' : `at ${clockText(at * 1000)}`)
  }
}
