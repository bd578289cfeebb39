/** The books of the load test notice what they are for: lost, doubled and wrongly ended requests, and shedding out of order. */
import { describe, expect, it } from 'vitest'
import { checkShedding, compareBooks, type Books, type Details, type ServerBooks } from './books.js'

const BREACH: Details = { now: 12, metric: 'cpu', value: 95, limit: 90, direction: 'above', at: 10 }

type Note = ServerBooks['book'][number]

const admitted = (id: string): Note => [id, 'admitted', { now: 1, breached: false }]

/** Books in which all is well: one request of each kind. */
function wellKept(): Books & { server: ServerBooks & { book: Note[] }; received: Books['received'][number][] } {
  return {
    sent: [
      ['long-0', 'long'],
      ['long-1', 'long'],
      ['gone-2', 'gone'],
      ['short-3', 'short'],
    ],
    received: [
      ['long-0', 'done', {}],
      ['long-1', 'resource', { metric: 'cpu' }],
      ['gone-2', 'gone'],
      ['short-3', 'refused'],
    ],
    server: {
      book: [
        ...['long-0', 'long-1', 'gone-2'].map((id) => admitted(id)),
        ['gone-2', 'gone', { now: 2 }],
        ['long-1', 'resource', BREACH],
        ['short-3', 'refused', { now: 13 }],
        ['long-0', 'done', { now: 30 }],
      ],
      guardEvents: [
        { event: 'breach', at: 10, now: 11 },
        { event: 'clear', now: 20 },
      ],
      unhandled: [],
      open: { operations: 0, registered: 0 },
      stats: { admitted: 3, active: 0, refused: { low: 0, normal: 1, high: 0 } },
    },
    isWitnessed: () => true,
  }
}

describe('the books of a load test', () => {
  it('have nothing to say of requests that ended once and rightly', () => {
    expect(compareBooks(wellKept())).toEqual({ faults: [], counts: { done: 1, resource: 1, gone: 1, refused: 1 } })
  })

  it.each<[string, RegExp, (books: ReturnType<typeof wellKept>) => void]>([
    ['is lost for the client', /long-0 .*0 outcomes/, ({ received }) => received.shift()],
    ['is answered twice', /long-0 .*2 outcomes/, ({ received }) => received.push(['long-0', 'done'])],
    ['has no end', /long-0 .*0 ends/, ({ server }) => server.book.pop()],
    ['ends twice', /gone-2 .*2 ends/, ({ server }) => server.book.push(['gone-2', 'done', { now: 40 }])],
    ['fails', /error ECONNRESET at the client, done/, ({ received }) => (received[0] = ['long-0', 'error ECONNRESET'])],
    [
      'ends in a way of others',
      /ended as timeout/,
      ({ received, server }) => {
        received[0] = ['long-0', 'timeout']
        server.book[6] = ['long-0', 'timeout', { now: 30 }]
      },
    ],
    [
      'is canceled by a limit that was not crossed',
      /cpu is 80/,
      ({ server }) => (server.book[4] = ['long-1', 'resource', { ...BREACH, value: 80 }]),
    ],
    [
      'is canceled before the breach',
      /before its breach/,
      ({ server }) => (server.book[4] = ['long-1', 'resource', { ...BREACH, at: 15 }]),
    ],
    [
      'is answered with another metric',
      /the metric memory/,
      ({ received }) => (received[1] = ['long-1', 'resource', { metric: 'memory' }]),
    ],
    [
      'is refused after the breach',
      /refused while no limit/,
      ({ server }) => (server.book[5] = ['short-3', 'refused', { now: 21 }]),
    ],
    [
      'is admitted during the breach, and goes on',
      /admitted during a breach/,
      ({ server }) => (server.book[0] = ['long-0', 'admitted', { now: 12, breached: true }]),
    ],
    ['was never sent', /long-9 was never sent/, ({ server }) => server.book.push(['long-9', 'done', { now: 40 }])],
  ])('notice a request that %s', (_, fault, spoil) => {
    const books = wellKept()
    spoil(books)
    expect(compareBooks(books).faults.join('\n')).toMatch(fault)
  })

  it('notice a metric that nothing else has seen', () => {
    expect(compareBooks({ ...wellKept(), isWitnessed: () => false }).faults).toEqual([
      'long-1 (long): nothing else has seen cpu above 90',
    ])
  })

  it('notice what is left open, miscounted or unhandled', () => {
    const books = wellKept()
    const server = {
      ...books.server,
      open: { operations: 1, registered: 2 },
      unhandled: ['Error: lost'],
      stats: { admitted: 4, active: 1, refused: { low: 0, normal: 2, high: 0 } },
    }
    expect(compareBooks({ ...books, server }).faults).toEqual([
      '4 admitted, 3 handled',
      '2 refused, 1 of them noted',
      'left open: 1 requests, 2 registered operations',
      'unhandled: Error: lost',
    ])
  })

  it('notice shedding that is missing or out of order', () => {
    const { book, guardEvents } = wellKept().server
    const later: Note = ['short-4', 'admitted', { now: 25 }]
    expect(checkShedding({ book: [...book, later], guardEvents })).toEqual([])
    expect(checkShedding({ book, guardEvents })).toEqual(['nothing was admitted after the breach'])
    expect(checkShedding({ book: [later], guardEvents })).toEqual(['nothing was refused before the breach ended'])
    expect(checkShedding({ book, guardEvents: [] })).toEqual(['no limit was crossed'])
    expect(checkShedding({ book, guardEvents: guardEvents.slice(0, 1) })).toEqual(['the breach did not end'])
  })
})
