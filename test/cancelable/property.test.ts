/** Random trees of operations, canceled and ended in random order, compared with a model. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allOf, anyOf, Cancelable, CancelationToken, rootCause, type CancelationSource } from '../../src/index.js'
import { kFirstChild, kPreviousSibling, kLinks } from '../../src/cancelable/operation.js'
import { kNext } from '../../src/engine/propagation.js'
import { kTimerList } from '../../src/engine/timers.js'
import { kHub } from '../../src/sources/token.js'
import { turns } from './helpers.js'

type Action =
  | { do: 'spawn'; of: number; token: number | undefined }
  | { do: 'cancel'; which: number }
  | { do: 'end'; which: number }
  | { do: 'token'; which: number }

const TOKENS = 3

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('spawn' as const),
      of: fc.nat(),
      token: fc.option(fc.nat(TOKENS - 1), { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('token' as const), which: fc.nat(TOKENS - 1) }) },
)

/** The expected state of the tree. */
interface Model {
  parent: number
  token: number | undefined
  state: 'running' | 'ended' | 'canceled'
  /** Message of the root cause. */
  cause: string | undefined
}

class World {
  readonly tokens = Array.from({ length: TOKENS }, () => new CancelationToken())
  readonly canceledTokens = new Set<number>()
  readonly operations: Cancelable[] = [new Cancelable().enter()]
  readonly model: Model[] = [{ parent: -1, token: undefined, state: 'running', cause: undefined }]
  readonly seen: number[] = []

  apply(step: Action, name: string): void {
    if (step.do === 'spawn') this.#spawn(step.of % this.operations.length, step.token)
    if (step.do === 'cancel') {
      const which = step.which % this.operations.length
      const won = this.operations[which]!.cancel(name)
      expect(won).toBe(this.model[which]!.state === 'running')
      this.#mark(which, name)
    }
    if (step.do === 'end') {
      const which = step.which % this.operations.length
      this.operations[which]![Symbol.dispose]()
      if (this.model[which]!.state === 'running') this.model[which]!.state = 'ended'
      this.#children(which).forEach((child) => this.#mark(child, 'The parent operation ended'))
    }
    if (step.do === 'token') {
      this.tokens[step.which]!.cancel(name)
      if (this.canceledTokens.has(step.which)) return
      this.canceledTokens.add(step.which)
      this.model.forEach((each, i) => {
        if (each.token === step.which) this.#mark(i, name)
      })
    }
  }

  #spawn(parent: number, token: number | undefined): void {
    const index = this.operations.length
    const operation = this.operations[parent]!.child(token === undefined ? {} : { token: this.tokens[token]! })
    operation.onCancel(() => this.seen.push(index))
    const held = token !== undefined && this.canceledTokens.has(token)
    const above = this.model[parent]!
    if (above.state !== 'running' || held) {
      expect(() => operation.enter()).toThrow()
      this.model.push({
        parent,
        token,
        state: 'canceled',
        cause: operation.reason && rootCause(operation.reason).message,
      })
    } else {
      operation.enter()
      this.model.push({ parent, token, state: 'running', cause: undefined })
    }
    this.operations.push(operation)
  }

  #children(which: number): number[] {
    return this.model.flatMap((each, i) => (each.parent === which ? [i] : []))
  }

  #mark(which: number, cause: string): void {
    const each = this.model[which]!
    if (each.state !== 'running') return
    each.state = 'canceled'
    each.cause = cause
    this.#children(which).forEach((child) => this.#mark(child, cause))
  }

  check(): void {
    this.operations.forEach((operation, i) => {
      const { state, cause, parent } = this.model[i]!
      expect(operation.isCanceled, `canceled ${i}`).toBe(state === 'canceled')
      expect(operation.reason && rootCause(operation.reason).message).toBe(cause)
      // Among operations that are canceled together, none is notified before its parent.
      if (this.seen.includes(i) && this.seen.includes(parent) && this.model[parent]!.cause === cause) {
        expect(this.seen.indexOf(parent)).toBeLessThan(this.seen.indexOf(i))
      }
      if (state !== 'running') expect(operation[kPreviousSibling]).toBeNull()
    })
    expect(this.seen.length).toBe(new Set(this.seen).size)
  }

  /** When all operations have ended, none is linked to anything. */
  checkNothingLeft(): void {
    this.operations.forEach((operation) => operation[Symbol.dispose]())
    this.operations.forEach((operation) => {
      expect([operation[kFirstChild], operation[kLinks], operation[kTimerList], operation[kNext]]).toEqual([
        null,
        null,
        null,
        null,
      ])
    })
    this.tokens.forEach((token) => expect(token[kHub].head).toBeNull())
  }
}

describe('properties', () => {
  test('the first cancelation wins, only descendants are canceled, and nothing stays linked', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const world = new World()
        actions.forEach((step, i) => {
          world.apply(step, `step ${i}`)
          world.check()
        })
        world.checkNothingLeft()
      }),
      { numRuns: 200 },
    )
  })

  test('composites: anyOf and allOf agree with the model, in any order', () => {
    interface Tree {
      all: boolean
      parts: (number | Tree)[]
    }
    const { tree } = fc.letrec<{ tree: Tree; part: number | Tree }>((tie) => ({
      tree: fc.record({ all: fc.boolean(), parts: fc.array(tie('part'), { minLength: 1, maxLength: 3 }) }),
      part: fc.oneof({ maxDepth: 3 }, fc.nat(TOKENS - 1), tie('tree')),
    }))
    const build = (node: Tree, tokens: CancelationToken[]): CancelationSource =>
      (node.all ? allOf : anyOf)(
        ...node.parts.map((part) => (typeof part === 'number' ? tokens[part]! : build(part, tokens))),
      )
    const holds = (node: Tree, canceled: Set<number>): boolean => {
      const parts = node.parts.map((part) => (typeof part === 'number' ? canceled.has(part) : holds(part, canceled)))
      return node.all ? parts.every(Boolean) : parts.some(Boolean)
    }
    fc.assert(
      fc.property(tree, fc.uniqueArray(fc.nat(TOKENS - 1)), fc.nat(TOKENS), (shape, order, before) => {
        const tokens = Array.from({ length: TOKENS }, () => new CancelationToken())
        const canceled = new Set<number>()
        const cancel = (which: number): void => {
          canceled.add(which)
          tokens[which]!.cancel(String(which))
        }
        order.slice(0, before).forEach(cancel)
        const operation = new Cancelable({ sources: [build(shape, tokens)] })
        if (holds(shape, canceled)) {
          expect(() => operation.enter()).toThrow()
        } else {
          operation.enter()
          for (const which of order.slice(before)) {
            cancel(which)
            expect(operation.isCanceled).toBe(holds(shape, canceled))
          }
        }
        operation[Symbol.dispose]()
        tokens.forEach((token) => expect(token[kHub].head).toBeNull())
      }),
      { numRuns: 200 },
    )
  })

  test('runs: in any order of body, timeout, cancelation and grace, the run settles once and as the status says', async () => {
    const scenario = fc.record({
      body: fc.constantFrom('fulfills', 'fails', 'sleeps', 'ignores', 'returns'),
      bodyTurns: fc.nat(3),
      cancelAfter: fc.option(fc.nat(3), { nil: undefined }),
      grace: fc.constantFrom(0, 0, 60_000),
      cleanup: fc.boolean(),
      child: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(scenario, async ({ body, bodyTurns, cancelAfter, grace, cleanup, child }) => {
        const token = new CancelationToken()
        const operation = new Cancelable({ token, grace, timeout: '1h' })
        let cleanups = 0
        let canceled = 0
        operation.onCancel(() => canceled++)
        const run = operation.run<unknown>((cancel) => {
          if (cleanup) cancel.defer(() => turns().then(() => cleanups++))
          if (child)
            void cancel
              .child()
              .run((inner) => inner.sleep('1h'))
              .catch(() => undefined)
          if (body === 'returns') return 'value'
          if (body === 'sleeps') return cancel.sleep('1h')
          return turns(bodyTurns).then(() => {
            if (body === 'fails') throw new Error('failed')
            return 'value'
          })
        })
        const settled = run.then(
          () => 'completed',
          (error: Error) => (error.message === 'stop' ? 'canceled' : 'failed'),
        )
        // A sleep without a cancelation would not end.
        const after = cancelAfter ?? (body === 'sleeps' ? 1 : undefined)
        if (after !== undefined) void turns(after).then(() => token.cancel('stop'))
        const outcome = await settled
        const { status } = operation.context
        expect(status === 'abandoned' ? 'canceled' : status).toBe(outcome)
        expect(operation.reason === undefined || canceled === 1).toBe(true)
        expect(operation[kFirstChild]).toBeNull()
        expect(operation[kTimerList]).toBeNull()
        expect(token[kHub].head).toBeNull()
        if (grace > 0 && cleanup) expect(cleanups).toBe(1)
      }),
      { numRuns: 150 },
    )
  })
})
