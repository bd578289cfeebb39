/** Elements and text. Whatever comes from the server becomes text, never markup. */
import { printable } from '../../../base/printable.js'

type Child = Node | string | undefined
type Attributes = Readonly<Record<string, string | undefined>>

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(name, value)
  for (const each of children) if (each !== undefined) made.append(typeof each === 'string' ? printable(each) : each)
  return made
}

export function byId(id: string): HTMLElement {
  return document.getElementById(id)!
}

/** Sets the text only if it differs, because screen readers announce each change. */
export function setText(node: Element, text: string): void {
  const shown = printable(text)
  if (node.textContent !== shown) node.textContent = shown
}

export function setAttribute(node: Element, name: string, value: string | undefined): void {
  if (value === undefined) node.removeAttribute(name)
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value)
}

/** Text that may be broken after its dots, slashes and brackets, and not within its words. */
export function breakable(text: string): (string | HTMLElement)[] {
  return text
    .split(/(?<=[./(])/)
    .flatMap((part, index) => (index === 0 ? [part] : [document.createElement('wbr'), part]))
}

/** The head of a table. @param numbers which columns are numbers, whose titles stand above their last digits */
export function headOf(titles: readonly string[], numbers: readonly number[]): HTMLElement {
  const cells = titles.map((title, index) => {
    return el('th', { scope: 'col', class: numbers.includes(index) ? 'number' : undefined }, title)
  })
  return el('thead', {}, el('tr', {}, ...cells))
}

/** A state in words and a shape, never in color alone. */
export function badge(state: string, text: string = state): HTMLElement {
  return el('span', { class: 'badge', 'data-state': state }, text)
}

/** A part of a list that stays the same element for as long as its key is there, so that focus and open details stay. */
export interface Item<T> {
  readonly root: HTMLElement
  update(value: T): void
}

export class KeyedList<T> {
  readonly #parent: Element
  readonly #keyOf: (value: T) => string
  readonly #make: (value: T) => Item<T>
  readonly #items = new Map<string, Item<T>>()

  constructor(parent: Element, keyOf: (value: T) => string, make: (value: T) => Item<T>) {
    this.#parent = parent
    this.#keyOf = keyOf
    this.#make = make
  }

  show(values: readonly T[]): void {
    const keys = distinct(values.map(this.#keyOf))
    const wanted = new Set(keys)
    for (const [key, { root }] of this.#items) {
      if (wanted.has(key)) continue
      root.remove()
      this.#items.delete(key)
    }
    let at = this.#parent.firstElementChild
    for (const [index, value] of values.entries()) {
      const key = keys[index]!
      let item = this.#items.get(key)
      if (item === undefined) this.#items.set(key, (item = this.#make(value)))
      item.update(value)
      if (item.root === at) at = at.nextElementSibling
      else this.#parent.insertBefore(item.root, at)
    }
  }
}

/** Keys may repeat: ids are cut to a length, and ended operations may have equal ids and times. */
function distinct(keys: readonly string[]): string[] {
  const times = new Map<string, number>()
  return keys.map((key) => {
    const before = times.get(key) ?? 0
    times.set(key, before + 1)
    return before === 0 ? key : `${key}\n${before}`
  })
}

/** Shows a list, or a sentence where it is empty. */
export class Place<T> {
  readonly #place: HTMLElement
  readonly #parent: HTMLElement
  readonly #empty: HTMLElement
  readonly #list: KeyedList<T>

  constructor(
    place: HTMLElement,
    parent: HTMLElement,
    empty: string,
    keyOf: (value: T) => string,
    make: (value: T) => Item<T>,
    around: HTMLElement = parent,
  ) {
    this.#place = place
    this.#parent = around
    this.#empty = el('p', { class: 'empty' }, empty)
    this.#list = new KeyedList(parent, keyOf, make)
    place.append(this.#empty)
  }

  show(values: readonly T[]): void {
    this.#list.show(values)
    const wanted = values.length === 0 ? this.#empty : this.#parent
    if (this.#place.firstElementChild !== wanted) this.#place.replaceChildren(wanted)
  }
}
