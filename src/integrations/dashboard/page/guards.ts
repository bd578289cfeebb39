/** Guards and their breaches. */
import type { BreachView, GuardView, Proof } from '../protocol.js'
import { badge, byId, el, Place, setAttribute, setText, type Item } from './dom.js'
import { agoText, dateText, plural, spanText, valueText } from './format.js'
import type { Store } from './store.js'

class GuardItem implements Item<GuardView> {
  readonly root: HTMLElement
  readonly #store: Store
  readonly #state = el('span', { class: 'state' })
  readonly #rules = el('ul', { class: 'rules' })
  readonly #note = el('p', { class: 'note' })

  constructor(store: Store, { name }: GuardView) {
    this.#store = store
    this.root = el(
      'li',
      { class: 'guard' },
      el('div', { class: 'bar' }, el('h3', {}, name), this.#state),
      this.#rules,
      this.#note,
    )
  }

  update({ state, rules, breaches, dryRun, all }: GuardView): void {
    if (this.#state.dataset['state'] !== state) {
      this.#state.dataset['state'] = state
      this.#state.replaceChildren(badge(state))
      setAttribute(this.root, 'data-state', state)
    }
    while (this.#rules.children.length > rules.length) this.#rules.lastElementChild!.remove()
    for (const [index, rule] of rules.entries()) {
      let item = this.#rules.children[index]
      if (item === undefined) {
        item = el('li', {}, el('span', { class: 'rule' }), el('span', { class: 'number' }))
        this.#rules.append(item)
      }
      const unit = rule.column === null ? '' : (this.#store.columns[rule.column]?.unit ?? '')
      setText(item.firstElementChild!, rule.text)
      setText(item.lastElementChild!, rule.column === null ? '' : valueText(this.#store.newest(rule.column), unit))
    }
    const notes = [
      all && rules.length > 1 ? 'breached while all of them are crossed' : '',
      dryRun ? 'only reports' : '',
      breaches === 0 ? '' : plural(breaches, 'breach', 'breaches'),
    ]
    setText(this.#note, notes.filter((each) => each !== '').join(' · '))
  }
}

class BreachItem implements Item<BreachView> {
  readonly root: HTMLElement
  readonly #store: Store
  readonly #state = el('span', { class: 'state' })
  readonly #when = el('span', { class: 'when' })
  readonly #evidence = el('div')
  #shown = ''

  constructor(store: Store, { guard, at, proofs, dryRun }: BreachView) {
    this.#store = store
    const text = proofs.map((each) => each.text).join(', ')
    const summary = el(
      'summary',
      {},
      this.#state,
      el('span', { class: 'what' }, text),
      el('span', { class: 'quiet' }, `${guard}${dryRun ? ', only reported' : ''} · `, this.#when),
    )
    const facts = el('dl', { class: 'facts' })
    fact(facts, 'Breached at', dateText(at))
    this.root = el('li', { class: 'breach' }, el('details', {}, summary, facts, ...proofs.map(proofOf), this.#evidence))
  }

  update({ at, until, evidence }: BreachView): void {
    const state = until === null ? 'breached' : 'over'
    if (this.#state.dataset['state'] !== state) {
      this.#state.dataset['state'] = state
      this.#state.replaceChildren(badge(state, until === null ? 'now' : 'over'))
      setAttribute(this.root, 'data-state', state)
    }
    const lasted = `lasted ${spanText((until ?? this.#store.now) - at)}`
    setText(
      this.#when,
      until === null ? `for ${spanText(this.#store.now - at)}` : `${agoText(this.#store.now - at)}, ${lasted}`,
    )
    const shown = JSON.stringify(evidence ?? [])
    if (evidence === undefined || shown === this.#shown) return
    this.#shown = shown
    const items = evidence.map(({ kind, file, why }) => el('li', {}, el('b', {}, kind), `: ${file ?? `none, ${why}`}`))
    this.#evidence.replaceChildren(el('h4', {}, 'Evidence'), el('ul', { class: 'plain' }, ...items))
  }
}

function fact(list: HTMLElement, name: string, value: string): void {
  list.append(el('div', {}, el('dt', {}, name), el('dd', {}, value)))
}

function proofOf({ metric, unit, value, limit, origin, recent, stack }: Proof): HTMLElement {
  const facts = el('dl', { class: 'facts' })
  const isCondition = unit === 'condition'
  if (isCondition) fact(facts, 'Condition', metric)
  else fact(facts, metric, `${valueText(value, unit)}, limit ${valueText(limit, unit)}`)
  if (origin !== '') fact(facts, 'Read from', origin)
  const known = recent.filter((each) => each !== null)
  if (!isCondition && known.length > 1) {
    fact(
      facts,
      'Values before',
      known
        .slice(-8)
        .map((each) => valueText(each, unit))
        .join(', '),
    )
  }
  const frames = (stack ?? []).map(({ function: name, file, line, column }) =>
    el('li', {}, el('code', {}, `${name === '' ? '(anonymous)' : name} ${file}:${line}:${column}`)),
  )
  const calls = frames.length === 0 ? [] : [el('h4', {}, 'What was running'), el('ol', { class: 'stack' }, ...frames)]
  return el('div', {}, facts, ...calls)
}

/** The guards of the program, the breached ones first, and the latest breaches. */
export class Guards {
  readonly #store: Store
  readonly #guards: Place<GuardView>
  readonly #breaches: Place<BreachView>

  constructor(store: Store) {
    this.#store = store
    this.#guards = new Place<GuardView>(
      byId('guards'),
      el('ul', { class: 'plain', 'aria-labelledby': 'guards-title' }),
      'There are no guards.',
      ({ key }) => String(key),
      (view) => new GuardItem(store, view),
    )
    this.#breaches = new Place<BreachView>(
      byId('breaches'),
      el('ul', { class: 'plain', 'aria-labelledby': 'breaches-title' }),
      'There was no breach since the page began to watch.',
      ({ key }) => String(key),
      (view) => new BreachItem(store, view),
    )
  }

  show(): void {
    const { guards, breaches } = this.#store.parts
    this.#guards.show(guards)
    this.#breaches.show(breaches)
  }
}

/** Announces breaches and their ends, once each, and not those that were there when the page was opened. */
export class Announcer {
  readonly #store: Store
  #known: Map<number, boolean> | undefined

  constructor(store: Store) {
    this.#store = store
  }

  show(): void {
    const { breaches } = this.#store.parts
    const before = this.#known
    this.#known = new Map(breaches.map(({ key, until }) => [key, until !== null]))
    if (before === undefined) return
    const fresh = breaches.filter(({ key, until }) => !before.has(key) && until === null)
    const over = breaches.filter(({ key, until }) => before.get(key) === false && until !== null)
    const texts = [
      ...(fresh.length > 3
        ? [`${fresh.length} guards are breached`]
        : fresh.map(({ guard, proofs }) => `Breach of ${guard}: ${proofs[0]?.text ?? ''}`)),
      ...(over.length > 3
        ? [`${over.length} breaches are over`]
        : over.map(({ guard }) => `The breach of ${guard} is over`)),
    ]
    if (texts.length > 0) setText(byId('announcer'), texts.join('. '))
  }
}
