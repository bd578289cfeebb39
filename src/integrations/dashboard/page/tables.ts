/** Commands, limiters and tickers: a table for each that the program has. */
import type { CommandView, LimiterView, TickerView } from '../protocol.js'
import { badge, byId, el, headOf, KeyedList, Place, setText, type Item } from './dom.js'
import { formatDuration, plural, spanText, tookText, valueText } from './format.js'
import type { Store } from './store.js'

type Cell = string | { readonly state: string }

/** Cells of text, one per title; the first is the head of the row. */
class TextRow<T> implements Item<T> {
  readonly root: HTMLElement
  readonly #texts: (value: T) => readonly Cell[]
  readonly #cells: HTMLElement[] = []

  constructor(texts: (value: T) => readonly Cell[], numbers: readonly number[], value: T) {
    this.#texts = texts
    for (const index of texts(value).keys()) {
      this.#cells.push(
        index === 0 ? el('th', { scope: 'row' }) : el('td', { class: numbers.includes(index) ? 'number' : undefined }),
      )
    }
    this.root = el('tr', {}, ...this.#cells)
  }

  update(value: T): void {
    for (const [index, cell] of this.#texts(value).entries()) {
      const place = this.#cells[index]!
      if (typeof cell === 'string') {
        setText(place, cell)
      } else if (place.dataset['state'] !== cell.state) {
        place.dataset['state'] = cell.state
        place.replaceChildren(badge(cell.state))
      }
    }
  }
}

class TextTable<T> {
  readonly #part: HTMLElement
  readonly #rows: KeyedList<readonly [string, T]>

  /** @param name of the part of the page @param numbers which columns are numbers */
  constructor(
    name: string,
    titles: readonly string[],
    numbers: readonly number[],
    texts: (value: T) => readonly Cell[],
  ) {
    this.#part = byId(`${name}-part`)
    const body = el('tbody')
    const table = el('table', {}, headOf(titles, numbers), body)
    byId(name).append(
      el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `Table of ${name}` }, table),
    )
    this.#rows = new KeyedList(
      body,
      ([key]) => key,
      ([, value]) => {
        const row = new TextRow(texts, numbers, value)
        return { root: row.root, update: ([, next]) => row.update(next) }
      },
    )
  }

  show(values: readonly T[]): void {
    this.#part.hidden = values.length === 0
    this.#rows.show(values.map((each, index) => [String(index), each] as const))
  }
}

class CommandItem implements Item<CommandView> {
  readonly root: HTMLElement
  readonly #store: Store
  readonly #state = el('span', { class: 'state' })
  readonly #facts = el('p', { class: 'note' })
  readonly #tree = el('ul', { class: 'plain processes' })
  readonly #summary = el('summary')
  readonly #details = el('details', {}, this.#summary, this.#tree)
  #shown = ''

  constructor(store: Store, { name, line }: CommandView) {
    this.#store = store
    const title = el('h3', {}, name)
    const whole = line === undefined ? undefined : el('code', {}, line)
    this.root = el('li', {}, el('div', { class: 'bar' }, title, this.#state), whole, this.#facts, this.#details)
  }

  update({ pid, startedAt, paused, cpu, memory, processes, tree, why }: CommandView): void {
    const state = paused ? 'paused' : 'running'
    if (this.#state.dataset['state'] !== state) {
      this.#state.dataset['state'] = state
      this.#state.replaceChildren(badge(state))
    }
    const facts = [
      `process ${pid}`,
      startedAt === null ? '' : `for ${spanText(this.#store.now - startedAt)}`,
      `CPU ${valueText(cpu, '%')}`,
      `memory ${valueText(memory, 'bytes')}`,
      processes === null ? '' : plural(processes, 'process', 'processes'),
    ]
    setText(this.#facts, facts.filter((each) => each !== '').join(' · '))
    setText(this.#summary, why === '' ? plural(tree.length, 'process', 'processes') : `Not listed: ${why}`)
    const shown = JSON.stringify(tree)
    if (shown === this.#shown) return
    this.#shown = shown
    this.#tree.replaceChildren(
      ...tree.map((each) => {
        const item = el(
          'li',
          {},
          `${each.name} `,
          el('span', { class: 'quiet' }, String(each.pid)),
          each.line === undefined ? undefined : el('code', {}, each.line),
        )
        item.style.setProperty('--level', String(Math.min(each.level - 1, 8)))
        return item
      }),
    )
  }
}

export class Tables {
  readonly #store: Store
  readonly #commands: Place<CommandView>
  readonly #limiters: TextTable<LimiterView>
  readonly #tickers: TextTable<TickerView>

  constructor(store: Store) {
    this.#store = store
    this.#commands = new Place<CommandView>(
      byId('commands'),
      el('ul', { class: 'plain commands', 'aria-labelledby': 'commands-title' }),
      'No command runs.',
      ({ pid }) => String(pid),
      (view) => new CommandItem(store, view),
    )
    this.#limiters = new TextTable<LimiterView>(
      'limiters',
      ['limiter', 'limit', 'between', 'running', 'waiting', 'state'],
      [1, 2, 3, 4],
      ({ name, limit, min, max, active, waiting, closed }) => [
        name,
        String(limit),
        `${min} and ${max}`,
        String(active),
        String(waiting),
        { state: closed ? 'closed' : limit < max ? 'lowered' : 'at maximum' },
      ],
    )
    this.#tickers = new TextTable<TickerView>(
      'tickers',
      ['ticker', 'state', 'period', 'ticks', 'missed', 'late (99th percentile)'],
      [2, 3, 4, 5],
      ({ name, state, period, ticks, missed, late }) => [
        name === '' ? '(no name)' : name,
        { state },
        formatDuration(period),
        String(ticks),
        String(missed),
        late === null ? '' : tookText(late),
      ],
    )
  }

  show(): void {
    const { about, parts } = this.#store
    byId('commands-part').hidden = about?.hasCommands !== true
    this.#commands.show(parts.commands)
    this.#limiters.show(parts.limiters)
    this.#tickers.show(parts.tickers)
  }
}
