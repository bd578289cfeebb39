/**
 * Operations with scopes: nested children, tasks, `all`, shields, deadlines, tokens, cleanups, and cancelations in cleanups. The
 * same program runs on a test clock and in the model; they have to agree on the outcome of each operation and on its time.
 */
import * as fc from 'fast-check'
import { expect } from 'vitest'
import {
  Cancelable,
  CancelationError,
  CancelationToken,
  rootCause,
  type CancelableOptions,
  type CancelationReason,
} from '../../src/index.js'
import { useClock } from '../../src/testing/index.js'
import { turns } from '../cancelable/helpers.js'
import type { Model } from './harness.js'
import { Canceled, NaiveClock, NaiveOperation, NaiveToken, type NaiveOptions } from './naive-operation.js'

const TOKENS = 2

/** A duration, as its place among all durations of the program. */
type Slot = number

interface Node {
  readonly timeout: Slot | undefined
  readonly token: number | undefined
  readonly grace: Slot | 'none' | undefined
  readonly ignoresTaskErrors: boolean
  /** Each after a sleep of its own, so that no two bodies do something at the same time. */
  readonly steps: readonly { readonly after: Slot; readonly step: Step }[]
}

type Step =
  | { readonly do: 'run'; readonly node: Node; readonly catches: boolean }
  | { readonly do: 'task'; readonly node: Node }
  | { readonly do: 'all'; readonly nodes: readonly Node[]; readonly concurrency: number; readonly catches: boolean }
  | { readonly do: 'shield'; readonly time: Slot; readonly max: Slot }
  | { readonly do: 'defer'; readonly time: Slot | undefined; readonly token: number | undefined }
  | { readonly do: 'token'; readonly token: number }
  | { readonly do: 'cancel' }
  | { readonly do: 'fail' }

export interface Program {
  readonly root: Node
  /** When each token is canceled. */
  readonly tokens: readonly (Slot | undefined)[]
}

const slot = fc.nat(1 << 20)
const maybe = <T>(arbitrary: fc.Arbitrary<T>, freq: number = 2): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq })

const { node } = fc.letrec<{ node: Node; step: Step }>((tie) => ({
  node: fc.record({
    timeout: maybe(slot, 1),
    token: maybe(fc.nat(TOKENS - 1), 1),
    grace: fc.oneof(fc.constant(undefined), fc.constant('none' as const), slot),
    ignoresTaskErrors: fc.nat(4).map((each) => each === 4),
    steps: fc.array(fc.record({ after: slot, step: tie('step') }), { maxLength: 6, size: 'max' }),
  }),
  step: fc.oneof(
    { depthSize: 'large', maxDepth: 4 },
    // The first is what is left at the greatest depth.
    { weight: 2, arbitrary: fc.record({ do: fc.constant('shield' as const), time: slot, max: slot }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('run' as const), node: tie('node'), catches: fc.boolean() }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('task' as const), node: tie('node') }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('all' as const),
        nodes: fc.array(tie('node'), { maxLength: 3, size: 'max' }),
        concurrency: fc.integer({ min: 1, max: 3 }),
        catches: fc.boolean(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('defer' as const),
        time: maybe(slot),
        token: maybe(fc.nat(TOKENS - 1), 1),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('token' as const), token: fc.nat(TOKENS - 1) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('fail' as const) }) },
  ),
}))

const programs: fc.Arbitrary<Program> = fc.record({
  root: node,
  tokens: fc.array(maybe(slot), { minLength: TOKENS, maxLength: TOKENS }),
})

/** Sorted numbers without a pattern, so that hardly any two sums of a few of them are equal. Always the same ones. */
const LENGTHS = Array.from({ length: 512 }, (_, index) => 1 + (Math.imul(index + 1, 0x9e3779b1) >>> 11)).toSorted(
  (a, b) => a - b,
)

/**
 * The duration of each slot in milliseconds: by its rank, so that shrinking keeps them apart. Nothing then depends on which of
 * two things at the same time comes first. The unit is longer than the default grace period.
 */
class Durations {
  readonly #all: { readonly owner: object; readonly key: string; readonly slot: Slot }[] = []

  constructor(program: Program) {
    program.tokens.forEach((each, index) => this.#add(program, `token ${index}`, each))
    this.#node(program.root)
    this.#all.sort((a, b) => a.slot - b.slot)
  }

  #add(owner: object, key: string, given: Slot | string | undefined): void {
    if (typeof given === 'number') this.#all.push({ owner, key, slot: given })
  }

  #node(each: Node): void {
    this.#add(each, 'timeout', each.timeout)
    this.#add(each, 'grace', each.grace)
    for (const { step, ...delayed } of each.steps) {
      this.#add(step, 'after', delayed.after)
      if ('time' in step) this.#add(step, 'time', step.time)
      if ('max' in step) this.#add(step, 'max', step.max)
      if ('node' in step) this.#node(step.node)
      if ('nodes' in step) step.nodes.forEach((inner) => this.#node(inner))
    }
  }

  get(owner: object, key: string): number {
    const rank = this.#all.findIndex((each) => each.owner === owner && each.key === key)
    return 1024 * LENGTHS[Math.floor(((rank + 0.5) / this.#all.length) * LENGTHS.length)]!
  }
}

/** What is known of one operation in the end. */
interface Outcome {
  readonly name: string
  readonly status: string
  readonly error: string
  /** The root of its own reason. */
  readonly cause: string
  readonly at: number
}

/** What both sides record. */
class Log {
  readonly outcomes: Outcome[] = []
  readonly cleanups: string[] = []

  sorted(): readonly [readonly Outcome[], readonly string[]] {
    return [this.outcomes.toSorted((a, b) => (a.name < b.name ? -1 : 1)), this.cleanups.toSorted()]
  }
}

function causeOf(reason: CancelationReason): string {
  const root = rootCause(reason)
  if (root.kind === 'timeout') return `timeout ${root.timeout}`
  if (root.kind === 'error') return `error ${(root.cause as Error).message}`
  return root.message
}

function textOf(error: unknown): string {
  return CancelationError.is(error) ? `canceled: ${causeOf(error.reason)}` : (error as Error).message
}

/**
 * Without a grace period of its own, an operation's ends together with that of its children, or at once: then turns of the event
 * loop decide whether its body is still waited for, which the model does not have.
 */
function statusOf({ grace }: Node, status: string, error: string): string {
  if (status !== 'abandoned' || typeof grace === 'number') return status
  return error.startsWith('canceled: ') ? 'canceled' : 'failed'
}

/** Runs the program with the library. */
class Real {
  readonly log = new Log()
  readonly #durations: Durations
  readonly #tokens = Array.from({ length: TOKENS }, () => new CancelationToken())
  readonly #now: () => number
  open = 0

  constructor(durations: Durations, now: () => number) {
    this.#durations = durations
    this.#now = now
  }

  #plain(ms: number): Promise<void> {
    return Cancelable.run((cancel) => cancel.sleep(ms), { parent: null })
  }

  start(program: Program): void {
    program.tokens.forEach((each, index) => {
      if (each === undefined) return
      void this.#plain(this.#durations.get(program, `token ${index}`)).then(() => this.#cancel(index))
    })
    void this.#run(program.root, 'root', undefined).catch(() => undefined)
  }

  #cancel(token: number): void {
    this.#tokens[token]!.cancel(`manual token ${token}`)
  }

  #options(each: Node): CancelableOptions {
    const { token, timeout, grace, ignoresTaskErrors } = each
    return {
      ...(token !== undefined && { token: this.#tokens[token]! }),
      ...(timeout !== undefined && { timeout: this.#durations.get(each, 'timeout') }),
      ...(grace !== undefined && { grace: grace === 'none' ? 0 : this.#durations.get(each, 'grace') }),
      ...(ignoresTaskErrors && { onChildError: 'ignore' as const }),
    }
  }

  #run(each: Node, name: string, parent: Cancelable | undefined): Promise<unknown> {
    const operation = new Cancelable({ ...this.#options(each), ...(parent !== undefined && { parent }) })
    return this.#watch(
      operation,
      each,
      name,
      operation.run((cancel) => this.#body(each, name, cancel)),
    )
  }

  #watch(operation: Cancelable, each: Node, name: string, promise: Promise<unknown>): Promise<unknown> {
    this.open++
    const settled = (error: string): void => {
      this.open--
      const { reason, context } = operation
      const cause = reason === undefined ? '' : causeOf(reason)
      this.log.outcomes.push({ name, status: statusOf(each, context.status, error), error, cause, at: this.#now() })
    }
    promise.then(
      () => settled(''),
      (error: unknown) => settled(textOf(error)),
    )
    return promise
  }

  /** A body for `task` and `all`, which make the operation themselves. */
  #inner(each: Node, name: string): (cancel: Cancelable) => Promise<unknown> {
    return async (cancel) => this.#body(each, name, cancel)
  }

  async #body(each: Node, name: string, cancel: Cancelable): Promise<void> {
    let index = 0
    for (const { step } of each.steps) {
      const inner = `${name}.${index++}`
      await cancel.sleep(this.#durations.get(step, 'after'))
      try {
        await this.#step(step, inner, cancel)
      } catch (error) {
        if (!('catches' in step) || !step.catches) throw error
      }
    }
  }

  #step(step: Step, name: string, cancel: Cancelable): unknown {
    switch (step.do) {
      case 'run':
        return this.#run(step.node, name, cancel)
      case 'task': {
        const promise = cancel.task(this.#inner(step.node, name), this.#options(step.node))
        promise.catch(() => undefined)
        return undefined
      }
      case 'all':
        return cancel.all(
          step.nodes.map((each, index) => this.#inner(each, `${name}/${index}`)),
          { concurrency: step.concurrency },
        )
      case 'shield': {
        const ms = this.#durations.get(step, 'time')
        return cancel.shield((inner) => inner.sleep(ms), { max: this.#durations.get(step, 'max') })
      }
      case 'defer':
        cancel.defer(() => {
          this.log.cleanups.push(`${name} at ${this.#now()}`)
          if (step.token !== undefined) this.#cancel(step.token)
          return step.time === undefined ? undefined : this.#plain(this.#durations.get(step, 'time'))
        })
        return undefined
      case 'token':
        this.#cancel(step.token)
        return undefined
      case 'cancel':
        cancel.cancel(`manual ${name}`)
        return undefined
      case 'fail':
        throw new Error(`failed ${name}`)
    }
  }
}

/** The same with the model. */
class Naive {
  readonly log = new Log()
  readonly #durations: Durations
  readonly #clock: NaiveClock
  readonly #tokens = Array.from({ length: TOKENS }, () => new NaiveToken())
  open = 0

  constructor(durations: Durations, clock: NaiveClock) {
    this.#durations = durations
    this.#clock = clock
  }

  start(program: Program): void {
    program.tokens.forEach((each, index) => {
      if (each === undefined) return
      this.#clock.after(this.#durations.get(program, `token ${index}`), () => this.#cancel(index))
    })
    void this.#run(program.root, 'root', undefined).catch(() => undefined)
  }

  #cancel(token: number): void {
    this.#tokens[token]!.cancel(`manual token ${token}`)
  }

  #options(each: Node): NaiveOptions {
    const { token, timeout, grace, ignoresTaskErrors } = each
    return {
      token: token === undefined ? undefined : this.#tokens[token]!,
      timeout: timeout === undefined ? undefined : this.#durations.get(each, 'timeout'),
      grace: grace === undefined ? undefined : grace === 'none' ? 0 : this.#durations.get(each, 'grace'),
      ignoresTaskErrors,
    }
  }

  #run(each: Node, name: string, parent: NaiveOperation | undefined): Promise<unknown> {
    const operation = new NaiveOperation(this.#clock, parent, this.#options(each))
    const promise = operation.start((cancel) => this.#body(each, name, cancel))
    this.open++
    const settled = (error: string): void => {
      this.open--
      this.log.outcomes.push({
        name,
        status: statusOf(each, operation.status, error),
        error,
        cause: operation.cause ?? '',
        at: this.#clock.now,
      })
    }
    promise.then(
      () => settled(''),
      (error: unknown) => settled(error instanceof Canceled ? `canceled: ${error.message}` : (error as Error).message),
    )
    return promise
  }

  async #body(each: Node, name: string, cancel: NaiveOperation): Promise<void> {
    let index = 0
    for (const { step } of each.steps) {
      const inner = `${name}.${index++}`
      await cancel.sleep(this.#durations.get(step, 'after'))
      try {
        await this.#step(step, inner, cancel)
      } catch (error) {
        if (!('catches' in step) || !step.catches) throw error
      }
    }
  }

  #step(step: Step, name: string, cancel: NaiveOperation): unknown {
    switch (step.do) {
      case 'run':
        return this.#run(step.node, name, cancel)
      case 'task':
        cancel.task((inner) => this.#body(step.node, name, inner), this.#options(step.node))
        return undefined
      case 'all':
        return cancel.all(
          step.nodes.map((each, index) => (inner: NaiveOperation) => this.#body(each, `${name}/${index}`, inner)),
          step.concurrency,
        )
      case 'shield':
        return cancel.shield(this.#durations.get(step, 'time'), this.#durations.get(step, 'max'))
      case 'defer':
        cancel.defer(() => {
          this.log.cleanups.push(`${name} at ${this.#clock.now}`)
          if (step.token !== undefined) this.#cancel(step.token)
          return step.time === undefined ? undefined : this.#clock.wait(this.#durations.get(step, 'time'))
        })
        return undefined
      case 'token':
        this.#cancel(step.token)
        return undefined
      case 'cancel':
        cancel.cancel(`manual ${name}`)
        return undefined
      case 'fail':
        throw new Error(`failed ${name}`)
    }
  }
}

export const operations: Model<Program> = {
  programs,
  runs: 60,
  async run(program) {
    const durations = new Durations(program)
    const clock = new NaiveClock()
    const naive = new Naive(durations, clock)
    naive.start(program)
    await clock.runUntil(() => false)
    expect(naive.open).toBe(0)

    using testClock = useClock()
    const begin = testClock.now()
    const real = new Real(durations, () => testClock.now() - begin)
    real.start(program)
    await turns(12)
    // Everything has ended by then, and nothing is armed any more.
    await testClock.advance(clock.now + 1)
    await turns(12)
    expect(real.log.sorted()).toEqual(naive.log.sorted())
    expect(real.open).toBe(0)
    expect(testClock.pending).toBe(0)
    return naive.log.outcomes.length + naive.log.cleanups.length
  },
}
