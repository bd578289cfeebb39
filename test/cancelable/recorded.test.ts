/** Operations that are recorded: what a recording learns of each, and when. */
import { afterEach, describe, expect, test } from 'vitest'
import { recordStarts, type OperationSink } from '../../src/cancelable/recorded.js'
import { Cancelable } from '../../src/index.js'
import { OperationRegistry } from '../../src/registry/index.js'
import { deferred, rejection, thrown, turns } from './helpers.js'

const seen: unknown[][] = []
let slots = 0
const sink: OperationSink = {
  enter: (name, startedAt) => {
    seen.push(['enter', name, typeof startedAt])
    return slots++
  },
  progress: (slot, fraction) => void seen.push(['progress', slot, fraction]),
  cancel: (slot, name, { message }) => void seen.push(['cancel', slot, name, message]),
  leave: (slot) => void seen.push(['leave', slot]),
}

let stop = (): void => undefined
afterEach(() => {
  stop()
  slots = 0
  seen.length = 0
})

/** A source that fails the start of its operation. */
const UNARMABLE = {
  arm: (): Disposable => {
    throw new Error('not armed')
  },
}

describe('a recorded operation', () => {
  test('is reported when it starts and when it ends, with its progress between', async () => {
    stop = recordStarts(sink)
    await Cancelable.run((cancel) => cancel.reportProgress({ done: 1, total: 4 }), { name: 'copy' })
    expect(seen).toEqual([
      ['enter', 'copy', 'number'],
      ['progress', 0, 0.25],
      ['leave', 0],
    ])
  })

  test('an unknown progress is reported as NaN', () => {
    stop = recordStarts(sink)
    const operation = new Cancelable().enter()
    operation.reportProgress({ done: 7 })
    operation[Symbol.dispose]()
    expect(seen).toEqual([
      ['enter', undefined, 'number'],
      ['progress', 0, NaN],
      ['leave', 0],
    ])
  })

  test('that is canceled leaves only when its body has ended', async () => {
    stop = recordStarts(sink)
    const { promise, resolve } = deferred()
    const operation = new Cancelable({ name: 'slow', grace: '1h' })
    const run = operation.run(() => promise)
    operation.cancel('enough')
    operation.cancel('again')
    await turns()
    expect(seen.slice(1)).toEqual([['cancel', 0, 'slow', 'enough']])
    resolve()
    await run
    expect(seen.slice(2)).toEqual([['leave', 0]])
  })

  test('that is canceled before it starts is not in the recording', async () => {
    stop = recordStarts(sink)
    const operation = new Cancelable()
    operation.cancel('early')
    await rejection(operation.run(() => undefined))
    expect(seen).toEqual([])
  })

  test('whose start fails leaves, and is reported once when it starts after all', () => {
    stop = recordStarts(sink)
    let fails = true
    const arm = (): Disposable => {
      if (fails) throw new Error('not yet')
      return { [Symbol.dispose]: () => undefined }
    }
    const operation = new Cancelable({ sources: [{ arm }] })
    thrown(() => operation.enter())
    operation.reportProgress({ done: 1 })
    thrown(() => operation.enter())
    fails = false
    operation.enter()
    operation[Symbol.dispose]()
    expect(seen).toEqual([0, 1, 2].flatMap((slot) => [['enter', undefined, 'number'], ['leave', slot]])) // prettier-ignore
  })

  test('whose start has failed, and that never starts, is not left again', () => {
    stop = recordStarts(sink)
    for (const end of [(each: Cancelable) => each[Symbol.dispose](), (each: Cancelable) => each.cancel('enough')]) {
      const operation = new Cancelable({ sources: [UNARMABLE] })
      thrown(() => operation.enter())
      end(operation)
    }
    expect(seen.map(([what]) => what)).toEqual(['enter', 'leave', 'enter', 'leave'])
  })

  test('that a registry refuses is not in the recording', () => {
    stop = recordStarts(sink)
    using _ = new OperationRegistry().trackAll()
    const first = new Cancelable({ id: 'same' }).enter()
    thrown(() => new Cancelable({ id: 'same' }).enter())
    first[Symbol.dispose]()
    expect(seen.map(([what]) => what)).toEqual(['enter', 'leave'])
  })

  test('that runs when recording stops is followed to its end; later ones are not recorded', () => {
    stop = recordStarts(sink)
    const operation = new Cancelable().enter()
    stop()
    new Cancelable().enter()[Symbol.dispose]()
    operation[Symbol.dispose]()
    expect(seen.map(([what]) => what)).toEqual(['enter', 'leave'])
  })
})
