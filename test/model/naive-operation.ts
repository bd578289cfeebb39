/**
 * The obvious model of an operation, by the manual: no lists, no flags, no shared timers. Its clock is its own; what happens at one
 * time is settled by turns of the event loop.
 */
import { setImmediate as turn } from 'node:timers/promises'

export interface NaiveOptions {
  readonly timeout?: number | undefined
  readonly token?: NaiveToken | undefined
  readonly grace?: number | undefined
  readonly ignoresTaskErrors?: boolean | undefined
}

/** A cancelation, whose text names its root cause. */
export class Canceled extends Error {}

const DEFAULT_GRACE = 1000

/** A clock on which time passes by itself once nothing else happens. */
export class NaiveClock {
  now = 0
  readonly #timers = new Set<{ readonly due: number; readonly depth: number; readonly fire: () => void }>()

  /**
   * Of timers that are due at the same time, the deepest fires first.
   *
   * @returns a function that stops the timer
   */
  after(ms: number, fire: () => void, depth: number = 0): () => void {
    const timer = { due: this.now + ms, depth, fire }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  wait(ms: number, depth: number = 0): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve, depth))
  }

  async runUntil(isDone: () => boolean): Promise<void> {
    for (;;) {
      for (let i = 0; i < 12; i++) await turn()
      const first = [...this.#timers].toSorted((a, b) => a.due - b.due || b.depth - a.depth)[0]
      if (isDone() || first === undefined) return
      this.#timers.delete(first)
      this.now = first.due
      first.fire()
    }
  }
}

export class NaiveToken {
  cause: string | undefined
  readonly #holders = new Set<NaiveOperation>()

  cancel(cause: string): void {
    if (this.cause !== undefined) return
    this.cause = cause
    for (const each of this.#holders) each.cancel(cause)
  }

  hold(operation: NaiveOperation): void {
    this.#holders.add(operation)
  }
}

type Body = (operation: NaiveOperation) => Promise<unknown>

export class NaiveOperation {
  readonly clock: NaiveClock
  readonly #parent: NaiveOperation | undefined
  readonly #options: NaiveOptions
  /** With the promise of its end. */
  readonly #children = new Map<NaiveOperation, Promise<void>>()
  readonly #tasks = new Set<Promise<unknown>>()
  readonly #shields = new Set<Promise<unknown>>()
  readonly #cleanups: (() => unknown)[] = []
  /** Called when it is canceled. */
  readonly #onCancel = new Set<() => void>()
  /** The text of the first reason. */
  cause: string | undefined
  status: 'pending' | 'running' | 'completed' | 'failed' | 'canceled' | 'abandoned' = 'pending'
  #taskFailure: { readonly error: unknown } | undefined
  #isGraceOver = false
  #hasSettled = false
  /** The outcome is known. What becomes of the tasks no longer changes it. */
  #endsTasks = false
  #graceOver!: () => void
  readonly #whenGraceOver = new Promise<void>((resolve) => {
    this.#graceOver = resolve
  })

  constructor(clock: NaiveClock, parent: NaiveOperation | undefined, options: NaiveOptions = {}) {
    this.clock = clock
    this.#parent = parent
    this.#options = options
  }

  get isOver(): boolean {
    return this.cause !== undefined || this.#hasEnded
  }

  get #hasEnded(): boolean {
    return this.status !== 'pending' && this.status !== 'running'
  }

  // ---- cancelation

  cancel(cause: string): void {
    const marked: NaiveOperation[] = []
    this.#mark(cause, marked)
    // All are marked before any is notified.
    for (const each of marked) each.#notify()
  }

  #mark(cause: string, marked: NaiveOperation[]): void {
    if (this.isOver) return
    this.cause = cause
    marked.push(this)
    for (const child of this.#children.keys()) child.#mark(cause, marked)
  }

  #notify(): void {
    for (const each of this.#onCancel) each()
    void this.#startGrace()
  }

  /**
   * The grace period counts from the cancelation, or from the end of the last shield. Of periods that are over at the same time,
   * that of a child ends first: the body that waits for the child may still end by itself then.
   */
  async #startGrace(): Promise<void> {
    const grace = this.#options.grace ?? DEFAULT_GRACE
    let began = this.clock.now
    while (this.#shields.size > 0) {
      await Promise.allSettled(this.#shields)
      began = this.clock.now
    }
    await this.clock.wait(began + grace - this.clock.now, this.#withAncestors().length)
    await turn()
    this.#isGraceOver = true
    this.#graceOver()
  }

  get error(): Canceled {
    return new Canceled(this.cause ?? 'The parent operation ended')
  }

  check(): void {
    if (this.isOver) throw this.error
  }

  /** Waits for a promise, or for the cancelation. */
  async #interruptible<T>(promise: Promise<T>): Promise<T> {
    let stop!: () => void
    const canceled = new Promise<never>((_, reject) => {
      stop = () => reject(this.error)
      this.#onCancel.add(stop)
    })
    try {
      return await Promise.race([promise, canceled])
    } finally {
      this.#onCancel.delete(stop)
    }
  }

  // ---- what a body does

  async sleep(ms: number): Promise<void> {
    this.check()
    await this.#interruptible(this.clock.wait(ms))
  }

  defer(cleanup: () => unknown): void {
    if (this.#hasSettled) cleanup()
    else this.#cleanups.push(cleanup)
  }

  /** Runs a child to its end, whatever happens. */
  run(body: Body, options: NaiveOptions): Promise<unknown> {
    return new NaiveOperation(this.clock, this, options).start(body)
  }

  task(body: Body, options: NaiveOptions): void {
    if (this.isOver) return
    const child = new NaiveOperation(this.clock, this, options)
    const task = child.start(body).catch((error: unknown) => this.#taskFailed(child, error))
    const held = task.finally(() => this.#tasks.delete(held))
    this.#tasks.add(held)
  }

  #taskFailed(child: NaiveOperation, error: unknown): void {
    if (this.#options.ignoresTaskErrors === true || this.isOver || this.#endsTasks) return
    if (error instanceof Canceled) {
      // A task that was canceled by a call leaves the others alone.
      if (child.cause?.startsWith('manual')) return
      this.cancel(error.message)
    } else {
      this.#taskFailure = { error }
      this.cancel(`error ${(error as Error).message}`)
    }
  }

  async all(bodies: readonly Body[], concurrency: number): Promise<void> {
    this.check()
    const running = new Map<NaiveOperation, Promise<void>>()
    const waiting = [...bodies]
    let failure: { readonly error: unknown } | undefined
    const fail = (error: unknown): void => {
      if (failure !== undefined) return
      failure = { error }
      waiting.length = 0
      const cause = error instanceof Canceled ? error.message : `error ${(error as Error).message}`
      for (const each of running.keys()) each.cancel(cause)
    }
    let over!: () => void
    const held = new Promise<void>((resolve) => {
      over = resolve
    })
    this.#tasks.add(held)
    try {
      for (;;) {
        while (waiting.length > 0 && running.size < concurrency) {
          if (this.isOver) {
            fail(this.error)
            break
          }
          const child = new NaiveOperation(this.clock, this)
          const ended = child
            .start(waiting.shift()!)
            .then(() => undefined, fail)
            .finally(() => running.delete(child))
          running.set(child, ended)
        }
        if (running.size === 0) break
        await Promise.race(running.values())
      }
      this.check()
      if (failure !== undefined) throw failure.error
    } finally {
      this.#tasks.delete(held)
      over()
    }
  }

  /** Nothing interrupts it, except `max` after the cancelation. */
  async shield(ms: number, max: number): Promise<void> {
    this.check()
    const inner = new NaiveOperation(this.clock, undefined)
    const work = inner.start((cancel) => cancel.sleep(ms))
    const limit = (): void => void this.clock.after(max, () => inner.cancel('shield'))
    const ancestors = this.#withAncestors()
    const over = work.then(
      () => undefined,
      () => undefined,
    )
    for (const each of ancestors) each.#shields.add(over)
    this.#onCancel.add(limit)
    try {
      await work
    } finally {
      this.#onCancel.delete(limit)
      for (const each of ancestors) each.#shields.delete(over)
    }
    this.check()
  }

  #withAncestors(): NaiveOperation[] {
    return [this, ...(this.#parent === undefined ? [] : this.#parent.#withAncestors())]
  }

  // ---- its life

  async start(body: Body): Promise<unknown> {
    const { timeout, token } = this.#options
    if (this.#parent?.isOver === true) {
      this.cause = this.#parent.cause ?? 'The parent operation ended'
      this.status = 'canceled'
      throw this.error
    }
    if (token?.cause !== undefined) {
      this.cause = token.cause
      this.status = 'canceled'
      throw this.error
    }
    this.status = 'running'
    let ended!: () => void
    const whenEnded = new Promise<void>((resolve) => {
      ended = resolve
    })
    if (this.#parent !== undefined) this.#parent.#children.set(this, whenEnded)
    token?.hold(this)
    const stop = timeout === undefined ? undefined : this.clock.after(timeout, () => this.cancel(`timeout ${timeout}`))
    try {
      return await this.#settle(body(this))
    } finally {
      stop?.()
      if (this.#parent !== undefined) this.#parent.#children.delete(this)
      ended()
    }
  }

  async #settle(body: Promise<unknown>): Promise<unknown> {
    type Outcome = { status: 'completed' | 'failed' | 'canceled' | 'abandoned'; error?: unknown }
    let outcome: Outcome = await Promise.race([
      body.then(
        (): Outcome => ({ status: 'completed' }),
        (error: unknown): Outcome => {
          if (this.cause !== undefined) return { status: 'canceled', error: this.error }
          if (!(error instanceof Canceled)) return { status: 'failed', error }
          // The body passed on a cancelation.
          this.cancel(error.message)
          return { status: 'canceled', error }
        },
      ),
      this.#whenGraceOver.then((): Outcome => ({ status: 'abandoned', error: this.error })),
    ])
    if (outcome.status !== 'completed') {
      this.#endsTasks = true
    } else {
      while (this.#tasks.size > 0 && this.cause === undefined) {
        await this.#interruptible(Promise.race(this.#tasks)).catch(() => undefined)
        if (this.cause !== undefined) outcome = { status: 'canceled', error: this.error }
      }
    }
    await this.#endChildren()
    if (outcome.status !== 'abandoned') while (this.#shields.size > 0) await Promise.allSettled(this.#shields)
    for (let cleanup = this.#cleanups.pop(); cleanup !== undefined; cleanup = this.#cleanups.pop()) {
      const ended = Promise.resolve(cleanup())
      if (!this.#isGraceOver) await Promise.race([ended, this.#whenGraceOver])
    }
    if (this.#taskFailure !== undefined) {
      outcome = { status: outcome.status === 'abandoned' ? 'abandoned' : 'failed', error: this.#taskFailure.error }
    }
    this.status = outcome.status
    this.#hasSettled = true
    if (outcome.status !== 'completed') throw outcome.error
    return undefined
  }

  async #endChildren(): Promise<void> {
    for (const child of this.#children.keys()) child.cancel(this.cause ?? 'The parent operation ended')
    if (this.#isGraceOver) return
    const limit = this.cause === undefined ? this.clock.wait(this.#options.grace ?? DEFAULT_GRACE) : this.#whenGraceOver
    await Promise.race([limit, this.#whenGraceOver, this.#childless()])
  }

  async #childless(): Promise<void> {
    while (this.#children.size > 0) await Promise.race(this.#children.values())
  }
}
