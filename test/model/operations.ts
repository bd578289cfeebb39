/**
 * Operations with scopes: nested children, tasks, `all`, shields, deadlines, tokens, cleanups, and cancelations in cleanups. The
 * same program runs on a test clock and in the model; they have to agree on the outcome of each operation and on its time.
 */
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
import { Durations, programs, TOKENS, type Node, type Program, type Step } from './operation-programs.js'
import { Canceled, NaiveClock, NaiveOperation, NaiveToken, type NaiveOptions } from './naive-operation.js'

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

/** The part of an operation that both sides have in the same form. */
interface Acting {
  sleep(ms: number): Promise<unknown>
  cancel(reason: string): unknown
}

/**
 * Interprets a program. The library's side and the model's differ only in how an operation is made, and in the calls of `task`,
 * `all`, `shield` and `defer`.
 */
abstract class Interpreter<Operation extends Acting> {
  readonly log = new Log()
  open = 0
  protected readonly durations: Durations
  readonly #tokens: readonly { cancel(reason: string): unknown }[]

  constructor(durations: Durations, tokens: readonly { cancel(reason: string): unknown }[]) {
    this.durations = durations
    this.#tokens = tokens
  }

  /** The time since the start of the program. */
  protected abstract now(): number
  protected abstract after(ms: number, action: () => void): void
  /** Resolves after a time, whatever is canceled. */
  protected abstract wait(ms: number): Promise<unknown>
  protected abstract run(each: Node, name: string, parent: Operation | undefined): Promise<unknown>
  protected abstract task(each: Node, name: string, cancel: Operation): void
  protected abstract all(nodes: readonly Node[], name: string, concurrency: number, cancel: Operation): Promise<unknown>
  protected abstract shield(ms: number, max: number, cancel: Operation): Promise<unknown>
  protected abstract defer(cleanup: () => unknown, cancel: Operation): void

  start(program: Program): void {
    program.tokens.forEach((each, index) => {
      if (each === undefined) return
      this.after(this.durations.get(program, `token ${index}`), () => this.#cancel(index))
    })
    void this.run(program.root, 'root', undefined).catch(() => undefined)
  }

  #cancel(token: number): void {
    this.#tokens[token]!.cancel(`manual token ${token}`)
  }

  /** Records how a run ends. `errorOf` puts an error into words, and `endOf` has the status and the cause by then. */
  protected watch(
    each: Node,
    name: string,
    promise: Promise<unknown>,
    errorOf: (error: unknown) => string,
    endOf: () => { readonly status: string; readonly cause: string },
  ): Promise<unknown> {
    this.open++
    const settled = (error: string): void => {
      this.open--
      const { status, cause } = endOf()
      this.log.outcomes.push({ name, status: statusOf(each, status, error), error, cause, at: this.now() })
    }
    promise.then(
      () => settled(''),
      (error: unknown) => settled(errorOf(error)),
    )
    return promise
  }

  protected async body(each: Node, name: string, cancel: Operation): Promise<void> {
    let index = 0
    for (const { step } of each.steps) {
      const inner = `${name}.${index++}`
      await cancel.sleep(this.durations.get(step, 'after'))
      try {
        await this.#step(step, inner, cancel)
      } catch (error) {
        if (!('catches' in step) || !step.catches) throw error
      }
    }
  }

  #step(step: Step, name: string, cancel: Operation): unknown {
    switch (step.do) {
      case 'run':
        return this.run(step.node, name, cancel)
      case 'task':
        return this.task(step.node, name, cancel)
      case 'all':
        return this.all(step.nodes, name, step.concurrency, cancel)
      case 'shield':
        return this.shield(this.durations.get(step, 'time'), this.durations.get(step, 'max'), cancel)
      case 'defer':
        return this.defer(() => {
          this.log.cleanups.push(`${name} at ${this.now()}`)
          if (step.token !== undefined) this.#cancel(step.token)
          return step.time === undefined ? undefined : this.wait(this.durations.get(step, 'time'))
        }, cancel)
      case 'token':
        return this.#cancel(step.token)
      case 'cancel':
        return void cancel.cancel(`manual ${name}`)
      case 'fail':
        throw new Error(`failed ${name}`)
    }
  }
}

/** Runs the program with the library. */
class Real extends Interpreter<Cancelable> {
  readonly #tokens: readonly CancelationToken[]
  readonly #now: () => number

  constructor(durations: Durations, now: () => number) {
    const tokens = Array.from({ length: TOKENS }, () => new CancelationToken())
    super(durations, tokens)
    this.#tokens = tokens
    this.#now = now
  }

  protected now(): number {
    return this.#now()
  }

  protected after(ms: number, action: () => void): void {
    void this.wait(ms).then(action)
  }

  protected wait(ms: number): Promise<void> {
    return Cancelable.run((cancel) => cancel.sleep(ms), { parent: null })
  }

  #options(each: Node): CancelableOptions {
    const { token, timeout, grace, ignoresTaskErrors } = each
    return {
      ...(token !== undefined && { token: this.#tokens[token]! }),
      ...(timeout !== undefined && { timeout: this.durations.get(each, 'timeout') }),
      ...(grace !== undefined && { grace: grace === 'none' ? 0 : this.durations.get(each, 'grace') }),
      ...(ignoresTaskErrors && { onChildError: 'ignore' as const }),
    }
  }

  protected run(each: Node, name: string, parent: Cancelable | undefined): Promise<unknown> {
    const operation = new Cancelable({ ...this.#options(each), ...(parent !== undefined && { parent }) })
    const promise = operation.run((cancel) => this.body(each, name, cancel))
    return this.watch(each, name, promise, textOf, () => {
      const { reason, context } = operation
      return { status: context.status, cause: reason === undefined ? '' : causeOf(reason) }
    })
  }

  /** A body for `task` and `all`, which make the operation themselves. */
  #inner(each: Node, name: string): (cancel: Cancelable) => Promise<unknown> {
    return async (cancel) => this.body(each, name, cancel)
  }

  protected task(each: Node, name: string, cancel: Cancelable): void {
    cancel.task(this.#inner(each, name), this.#options(each)).catch(() => undefined)
  }

  protected all(nodes: readonly Node[], name: string, concurrency: number, cancel: Cancelable): Promise<unknown> {
    return cancel.all(
      nodes.map((each, index) => this.#inner(each, `${name}/${index}`)),
      { concurrency },
    )
  }

  protected shield(ms: number, max: number, cancel: Cancelable): Promise<unknown> {
    return cancel.shield((inner) => inner.sleep(ms), { max })
  }

  protected defer(cleanup: () => unknown, cancel: Cancelable): void {
    cancel.defer(cleanup)
  }
}

function naiveTextOf(error: unknown): string {
  return error instanceof Canceled ? `canceled: ${error.message}` : (error as Error).message
}

/** The same with the model. */
class Naive extends Interpreter<NaiveOperation> {
  readonly #tokens: readonly NaiveToken[]
  readonly #clock: NaiveClock

  constructor(durations: Durations, clock: NaiveClock) {
    const tokens = Array.from({ length: TOKENS }, () => new NaiveToken())
    super(durations, tokens)
    this.#tokens = tokens
    this.#clock = clock
  }

  protected now(): number {
    return this.#clock.now
  }

  protected after(ms: number, action: () => void): void {
    this.#clock.after(ms, action)
  }

  protected wait(ms: number): Promise<unknown> {
    return this.#clock.wait(ms)
  }

  #options(each: Node): NaiveOptions {
    const { token, timeout, grace, ignoresTaskErrors } = each
    return {
      token: token === undefined ? undefined : this.#tokens[token]!,
      timeout: timeout === undefined ? undefined : this.durations.get(each, 'timeout'),
      grace: grace === undefined ? undefined : grace === 'none' ? 0 : this.durations.get(each, 'grace'),
      ignoresTaskErrors,
    }
  }

  protected run(each: Node, name: string, parent: NaiveOperation | undefined): Promise<unknown> {
    const operation = new NaiveOperation(this.#clock, parent, this.#options(each))
    const promise = operation.start((cancel) => this.body(each, name, cancel))
    return this.watch(each, name, promise, naiveTextOf, () => ({
      status: operation.status,
      cause: operation.cause ?? '',
    }))
  }

  protected task(each: Node, name: string, cancel: NaiveOperation): void {
    cancel.task((inner) => this.body(each, name, inner), this.#options(each))
  }

  protected all(nodes: readonly Node[], name: string, concurrency: number, cancel: NaiveOperation): Promise<unknown> {
    return cancel.all(
      nodes.map((each, index) => (inner: NaiveOperation) => this.body(each, `${name}/${index}`, inner)),
      concurrency,
    )
  }

  protected shield(ms: number, max: number, cancel: NaiveOperation): Promise<unknown> {
    return cancel.shield(ms, max)
  }

  protected defer(cleanup: () => unknown, cancel: NaiveOperation): void {
    cancel.defer(cleanup)
  }
}

const NODE: Node = { timeout: undefined, token: undefined, grace: undefined, ignoresTaskErrors: false, steps: [] }

/** Shrunk programs for which the library or the model was wrong. */
const known: readonly Program[] = [
  // The grace period of the children counted from the end of the body, although a task was still shielded.
  {
    root: {
      ...NODE,
      timeout: 7,
      steps: [
        {
          after: 0,
          step: {
            do: 'task',
            node: {
              ...NODE,
              steps: [
                { after: 1, step: { do: 'defer', time: 8, token: undefined } },
                { after: 4, step: { do: 'shield', time: 10, max: 6 } },
              ],
            },
          },
        },
        { after: 2, step: { do: 'defer', time: undefined, token: undefined } },
        { after: 3, step: { do: 'shield', time: 9, max: 5 } },
      ],
    },
    tokens: [undefined, undefined],
  },
  // A body that catches the end of its children ends by itself when their grace period is over together with its own.
  {
    root: {
      ...NODE,
      steps: [
        {
          after: 0,
          step: {
            do: 'task',
            node: {
              ...NODE,
              steps: [
                { after: 4, step: { do: 'defer', time: undefined, token: undefined } },
                { after: 5, step: { do: 'fail' } },
              ],
            },
          },
        },
        {
          after: 1,
          step: {
            do: 'run',
            node: {
              ...NODE,
              steps: [
                {
                  after: 2,
                  step: {
                    do: 'all',
                    nodes: [{ ...NODE, steps: [{ after: 3, step: { do: 'defer', time: 6, token: undefined } }] }],
                    concurrency: 1,
                    catches: true,
                  },
                },
              ],
            },
            catches: false,
          },
        },
      ],
    },
    tokens: [undefined, undefined],
  },
]

export const operations: Model<Program> = {
  programs,
  known,
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
