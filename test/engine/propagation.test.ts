/** How a cancelation spreads, and how hubs keep their links. */
import { describe, expect, test, vi } from 'vitest'
import { Hub, HubLink } from '../../src/engine/link.js'
import {
  deliver,
  deliverLater,
  join,
  kMark,
  kNext,
  kNotify,
  kSpread,
  type Target,
} from '../../src/engine/propagation.js'
import { manualReason, type CancelationReason } from '../../src/base/reason.js'
import { reportedErrors } from '../helpers/reported-errors.js'

const log: string[] = []
const taken = (): string[] => log.splice(0)
const reason = manualReason('enough')

class Node implements Target {
  [kNext]: Target | null = null
  readonly name: string
  readonly #onSpread: () => void
  readonly #onNotify: () => void

  constructor(name: string, onSpread: () => void = () => undefined, onNotify: () => void = () => undefined) {
    this.name = name
    this.#onSpread = onSpread
    this.#onNotify = onNotify
  }
  [kMark](_reason: CancelationReason): boolean {
    log.push(`mark ${this.name}`)
    join(this)
    return true
  }
  [kSpread](): void {
    log.push(`spread ${this.name}`)
    this.#onSpread()
  }
  [kNotify](): void {
    log.push(`notify ${this.name}`)
    this.#onNotify()
  }
}

describe('a cancelation', () => {
  test('marks all that depend on its target, and then notifies them in that order', () => {
    const [d, c] = [new Node('d'), new Node('c')]
    const b = new Node('b', () => void d[kMark](reason))
    const a = new Node('a', () => [b, c].forEach((each) => void each[kMark](reason)))
    a[kMark](reason)
    deliver()
    const order = 'mark a,spread a,mark b,mark c,spread b,mark d,spread c,spread d,notify a,notify b,notify c,notify d'
    expect(taken().join()).toBe(order)
    // Nothing of it is retained, and it may come again.
    for (const each of [a, b, c, d]) expect(each[kNext]).toBeNull()
    c[kMark](reason)
    deliver()
    expect(taken()).toEqual(['mark c', 'spread c', 'notify c'])
  })

  test('by a listener is marked at once, and notified after those that were marked before', () => {
    const late = new Node('late')
    const a = new Node('a', undefined, () => {
      late[kMark](reason)
      deliver()
      log.push('end of a')
    })
    const b = new Node('b')
    for (const each of [a, b]) each[kMark](reason)
    deliver()
    expect(taken().slice(4)).toEqual(['notify a', 'mark late', 'spread late', 'end of a', 'notify b', 'notify late'])
  })

  test('reaches the others although a target fails', () => {
    const reported = reportedErrors()
    const failure = new Error('mine')
    const a = new Node('a', undefined, () => {
      throw failure
    })
    for (const each of [a, new Node('b')]) each[kMark](reason)
    deliver()
    expect(taken().slice(4)).toEqual(['notify a', 'notify b'])
    expect(reported).toEqual([{ error: failure, origin: 'cancelation' }])
  })

  test('that was found by polling is notified in a turn of its own', async () => {
    for (const name of ['first', 'second']) {
      new Node(name)[kMark](reason)
      deliverLater()
      deliverLater()
      expect(taken()).toEqual([`mark ${name}`, `spread ${name}`])
      await Promise.resolve()
      expect(taken()).toEqual([`notify ${name}`])
    }
  })

  test('is reported to the regions, once any are used', async () => {
    vi.resetModules()
    const fresh = await import('../../src/engine/propagation.js')
    const { observe } = await import('../../src/engine/watching.js')
    fresh.spread()
    let count = 0
    observe({ marked: () => count++, changed: () => undefined })
    // There is one module of regions.
    observe({ marked: () => expect.unreachable(), changed: () => undefined })
    fresh.spread()
    expect(count).toBe(1)
  })
})

/** Which targets it marks, in order. */
function marks(hub: Hub): string {
  hub.markAll(reason)
  const marked = taken().join()
  deliver()
  taken()
  return marked.replaceAll('mark ', '')
}

describe('a hub', () => {
  class CountingHub extends Hub {
    opened = 0
    closed = 0
    current(): null {
      return null
    }
    protected override open(): void {
      this.opened++
    }
    protected override close(): void {
      this.closed++
    }
  }

  function hubWith(...names: string[]): { hub: CountingHub; links: HubLink[] } {
    const hub = new CountingHub()
    const links = names.map((name) => new HubLink(hub, new Node(name)))
    for (const each of links) each.connect()
    return { hub, links }
  }

  test('marks its links in the order of arrival, and lets go of them', () => {
    const { hub, links } = hubWith('a', 'b', 'c')
    expect([marks(hub), marks(hub), hub.head, hub.tail]).toEqual(['a,b,c', '', null, null])
    for (const each of links) each.disconnect()
    expect([hub.opened, hub.closed]).toEqual([1, 1])
    links[1]!.connect()
    expect([marks(hub), hub.opened, hub.closed]).toEqual(['b', 2, 2])
  })

  test.each([
    [[0], 'b,c'],
    [[1], 'a,c'],
    [[2], 'a,b'],
    [[0, 2], 'b'],
    [[1, 2, 1], 'a'],
    [[1, 0, 1], 'c'],
    [[2, 1, 0], ''],
  ])('without the links %j, also if they are removed again, it marks %s', (removed, left) => {
    const { hub, links } = hubWith('a', 'b', 'c')
    for (const each of removed) links[each]!.disconnect()
    expect([hub.opened, hub.closed]).toEqual([1, left === '' ? 1 : 0])
    new HubLink(hub, new Node('late')).connect()
    expect(marks(hub)).toBe(left === '' ? 'late' : `${left},late`)
  })

  test('takes a link again, behind the others', () => {
    const { hub, links } = hubWith('a', 'b', 'c')
    for (const each of [1, 0]) {
      links[each]!.disconnect()
      links[each]!.connect()
    }
    expect(marks(hub)).toBe('c,b,a')
  })
})
