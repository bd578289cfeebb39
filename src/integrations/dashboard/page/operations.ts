/** The tree of operations, with the keys of a file manager's tree, and the operations that have ended. */
import type { EndedView, OperationView } from '../protocol.js'
import { badge, byId, el, headOf, Place, setAttribute, setText, type Item } from './dom.js'
import { agoText, plural, spanText, tookText } from './format.js'
import type { Store } from './store.js'

interface Node extends OperationView {
  readonly parent: string | undefined
  readonly hasChildren: boolean
  readonly place: number
  readonly siblings: number
}

/** Adds the places in the tree, which follow from the order of the list. */
function toNodes(list: readonly OperationView[]): Node[] {
  const path: string[] = []
  const parents = list.map(({ id, level }) => {
    path.length = level - 1
    path.push(id)
    return path[level - 2]
  })
  const counts = new Map<string | undefined, number>()
  for (const each of parents) counts.set(each, (counts.get(each) ?? 0) + 1)
  const places = new Map<string | undefined, number>()
  return list.map((each, index) => {
    const parent = parents[index]
    const place = (places.get(parent) ?? 0) + 1
    places.set(parent, place)
    return { ...each, parent, place, siblings: counts.get(parent)!, hasChildren: counts.has(each.id) }
  })
}

class TreeItem implements Item<Node> {
  readonly root: HTMLElement
  readonly #tree: Tree
  readonly #store: Store
  readonly #name = el('span', { class: 'what' })
  readonly #state = el('span', { class: 'state' })
  readonly #text = el('span', { class: 'quiet' })
  readonly #time = el('span', { class: 'number' })
  readonly #bar = el('progress', { max: '1', 'aria-hidden': 'true' })

  constructor(tree: Tree, store: Store, { id }: Node) {
    this.#tree = tree
    this.#store = store
    const twisty = el('span', { class: 'twisty', 'aria-hidden': 'true' })
    this.root = el(
      'li',
      { role: 'treeitem', tabindex: '-1' },
      twisty,
      this.#name,
      this.#state,
      this.#bar,
      this.#text,
      this.#time,
    )
    this.root.dataset['id'] = id
    this.#bar.hidden = true
  }

  update(node: Node): void {
    const { id, name, status, level, hasChildren, place, siblings, startedAt, deadline, reason, progress, fraction } =
      node
    setText(this.#name, name === '' ? `(${id})` : name)
    if (this.#state.dataset['state'] !== status) {
      this.#state.dataset['state'] = status
      this.#state.replaceChildren(badge(status))
    }
    setText(this.#text, [progress, reason].filter((each) => each !== '').join(' · '))
    const age = startedAt === null ? 'not started' : spanText(this.#store.now - startedAt)
    const left = deadline === null || status !== 'running' ? '' : `, ${spanText(deadline - this.#store.now)} left`
    setText(this.#time, age + left)
    this.#bar.hidden = fraction === null
    if (fraction !== null) this.#bar.value = fraction
    setAttribute(this.root, 'aria-level', String(level))
    setAttribute(this.root, 'aria-posinset', String(place))
    setAttribute(this.root, 'aria-setsize', String(siblings))
    setAttribute(this.root, 'aria-expanded', hasChildren ? String(!this.#tree.isCollapsed(id)) : undefined)
    this.root.style.setProperty('--level', String(Math.min(level - 1, 8)))
  }
}

class Tree {
  readonly list = el('ul', { class: 'tree', role: 'tree', 'aria-labelledby': 'operations-title' })
  readonly #place: Place<Node>
  readonly #collapsed = new Set<string>()
  #nodes: readonly Node[] = []
  #shown: readonly Node[] = []
  /** The row that the Tab key focuses. */
  #current = ''

  constructor(store: Store, place: HTMLElement) {
    this.#place = new Place<Node>(
      place,
      this.list,
      'No operation is registered now. The option register: true and registry.trackAll() register them.',
      ({ id }) => id,
      (node) => new TreeItem(this, store, node),
    )
    this.list.addEventListener('keydown', (event) => this.#onKey(event))
    this.list.addEventListener('click', (event) => this.#onClick(event))
    this.list.addEventListener('focusin', (event) => {
      const { id } = (event.target as HTMLElement).dataset
      if (id !== undefined) this.#setCurrent(id)
    })
  }

  isCollapsed(id: string): boolean {
    return this.#collapsed.has(id)
  }

  show(list: readonly OperationView[]): void {
    this.#nodes = toNodes(list)
    const known = new Set(this.#nodes.map(({ id }) => id))
    for (const id of this.#collapsed) if (!known.has(id)) this.#collapsed.delete(id)
    this.#render()
  }

  #render(): void {
    const hadFocus = this.list.contains(document.activeElement)
    const at = this.#shown.findIndex(({ id }) => id === this.#current)
    const hidden = new Set<string>()
    this.#shown = this.#nodes.filter(({ id, parent }) => {
      const isHidden = parent !== undefined && (hidden.has(parent) || this.#collapsed.has(parent))
      if (isHidden) hidden.add(id)
      return !isHidden
    })
    this.#place.show(this.#shown)
    // The one with the focus has ended, or is folded away: the next one takes its place.
    if (!this.#shown.some(({ id }) => id === this.#current)) {
      const next = this.#shown[Math.min(Math.max(at, 0), this.#shown.length - 1)]
      this.#setCurrent(next?.id ?? '')
      if (hadFocus) this.#elementOf(this.#current)?.focus()
    }
  }

  #setCurrent(id: string): void {
    if (this.#current !== id) this.#elementOf(this.#current)?.setAttribute('tabindex', '-1')
    this.#current = id
    this.#elementOf(id)?.setAttribute('tabindex', '0')
  }

  #elementOf(id: string): HTMLElement | undefined {
    return [...this.list.children].find((each) => (each as HTMLElement).dataset['id'] === id) as HTMLElement | undefined
  }

  #go(node: Node | undefined): void {
    if (node === undefined) return
    this.#setCurrent(node.id)
    this.#elementOf(node.id)?.focus()
  }

  #fold(id: string, isFolded: boolean): void {
    if (isFolded) this.#collapsed.add(id)
    else this.#collapsed.delete(id)
    this.#render()
  }

  #onKey(event: KeyboardEvent): void {
    const at = this.#shown.findIndex(({ id }) => id === this.#current)
    const node = this.#shown[at]
    if (node === undefined || event.altKey || event.ctrlKey || event.metaKey) return
    const isFolded = this.#collapsed.has(node.id)
    const actions: Readonly<Record<string, () => void>> = {
      ArrowDown: () => this.#go(this.#shown[at + 1]),
      ArrowUp: () => this.#go(this.#shown[at - 1]),
      Home: () => this.#go(this.#shown[0]),
      End: () => this.#go(this.#shown.at(-1)),
      ArrowRight: () => {
        if (!node.hasChildren) return
        if (isFolded) this.#fold(node.id, false)
        else this.#go(this.#shown[at + 1])
      },
      ArrowLeft: () => {
        if (node.hasChildren && !isFolded) this.#fold(node.id, true)
        else this.#go(this.#shown.find(({ id }) => id === node.parent))
      },
      Enter: () => node.hasChildren && this.#fold(node.id, !isFolded),
      ' ': () => node.hasChildren && this.#fold(node.id, !isFolded),
    }
    const action = Object.hasOwn(actions, event.key) ? actions[event.key] : undefined
    if (action === undefined) return
    event.preventDefault()
    action()
  }

  #onClick(event: MouseEvent): void {
    const item = (event.target as Element).closest<HTMLElement>('[role=treeitem]')
    const node = this.#shown.find(({ id }) => id === item?.dataset['id'])
    if (node === undefined) return
    this.#go(node)
    if (node.hasChildren) this.#fold(node.id, !this.#collapsed.has(node.id))
  }
}

class EndedItem implements Item<EndedView> {
  readonly root: HTMLElement
  readonly #store: Store
  readonly #when = el('td', { class: 'number' })
  readonly #endedAt: number | null

  constructor(store: Store, { id, name, status, endedAt, elapsed, why }: EndedView) {
    this.#store = store
    this.#endedAt = endedAt
    this.root = el(
      'tr',
      {},
      el('th', { scope: 'row' }, name === '' ? `(${id})` : name),
      el('td', {}, badge(status)),
      el('td', { class: 'number' }, elapsed === null ? '' : tookText(elapsed)),
      this.#when,
      el('td', {}, why),
    )
  }

  update(): void {
    setText(this.#when, this.#endedAt === null ? '' : agoText(this.#store.now - this.#endedAt))
  }
}

export class Operations {
  readonly #store: Store
  readonly #tree: Tree
  readonly #ended: Place<EndedView>
  readonly #endedPlace = el('div', {
    class: 'scroll',
    tabindex: '0',
    role: 'region',
    'aria-label': 'Operations that have ended',
  })

  constructor(store: Store) {
    this.#store = store
    const tree = el('div')
    byId('operations').append(tree, this.#endedPlace)
    this.#tree = new Tree(store, tree)
    const body = el('tbody')
    const table = el('table', {}, headOf(['ended', 'status', 'took', 'when', 'why'], [2, 3]), body)
    this.#ended = new Place<EndedView>(
      this.#endedPlace,
      body,
      '',
      ({ id, endedAt }) => `${id} ${endedAt}`,
      (view) => new EndedItem(store, view),
      table,
    )
  }

  show(): void {
    const { about, parts } = this.#store
    const { operations } = parts
    byId('operations-part').hidden = about?.hasOperations !== true
    if (operations === null) return
    const { list, active, ended, p50, p99, recent } = operations
    const more = active > list.length ? `the first ${list.length} of ${active} shown` : ''
    const total = ended['total'] ?? 0
    const others = Object.entries(ended).flatMap(([status, count]) =>
      status === 'total' || status === 'completed' || count === 0 ? [] : [`${count} ${status}`],
    )
    const times = p50 === null || p99 === null ? '' : `median ${tookText(p50)}, 99th percentile ${tookText(p99)}`
    const notes = [
      plural(active, 'registered', 'registered'),
      more,
      total === 0 ? '' : `${total} ended`,
      ...others,
      times,
    ]
    setText(byId('operations-note'), notes.filter((each) => each !== '').join(' · '))
    this.#tree.show(list)
    this.#endedPlace.hidden = recent.length === 0
    this.#ended.show(recent)
  }
}
