/** Scopes: children that an operation waits for, and whose errors end it. */
import { CancelationError } from '../base/cancelation-error.js'
import { reportError } from '../base/diagnostics.js'
import { invalidChoice, invalidType } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import { quiet, rejectedQuietly } from '../base/quiet.js'
import { kContext } from '../base/operation-context.js'
import { errorReason, type CancelationReason } from '../base/reason.js'
import { checkWhole } from '../base/units.js'
import { cancelWith } from './lifecycle.js'
import { extrasOf, kName, kFlags, kReason, type Operation } from './operation.js'
import { isOver, refusalOf } from './poll.js'
import { FINISHING } from './state.js'

/** Options of `cancel.all()`. */
export interface AllOptions {
  /** How many of the functions may run at once, 1 or more; the next one starts when one of them ends. @default Infinity */
  concurrency?: number | undefined
  /**
   * With `'ignore'`, an error does not end the others, and the result of a function that failed is `undefined`.
   *
   * @default 'cancel'
   */
  onChildError?: 'cancel' | 'ignore' | undefined
}

/** A child that has been started. */
export interface Started {
  readonly operation: Operation
  readonly promise: Promise<unknown>
}

/** The operation does not end before the function that this returns is called. */
function hold(operation: Operation): () => void {
  const extras = extrasOf(operation)
  extras.tasks++
  return () => {
    if (--extras.tasks === 0) extras.tasksOver?.()
  }
}

/** Starts a task; its error ends the operation. Its promise may be awaited or not. */
export function startTask<T>(
  operation: Operation,
  start: () => Started & { readonly promise: Promise<T> },
): Promise<T> {
  const refusal = refusalOf(operation)
  if (refusal !== undefined) return rejectedQuietly(refusal)
  const { operation: task, promise } = start()
  const over = hold(operation)
  promise.then(over, (error: unknown) => {
    taskFailed(operation, task, error)
    over()
  })
  return promise
}

function taskFailed(operation: Operation, task: Operation, error: unknown): void {
  const extras = extrasOf(operation)
  if (extras.ignoresTaskErrors || endedOnPurpose(task[kReason], error)) return
  const over = extras.endsTasks || isOver(operation)
  if (CancelationError.is(error)) {
    if (over || endedWith(operation, task[kReason])) return
    // The operation is canceled for the same reason, and with the same error.
    extras.error = error
    cancelWith(operation, error.reason)
  } else if (over) {
    reportError(error, 'task', operation[kName])
  } else {
    extras.taskFailure = { error }
    cancelWith(operation, errorReason(error))
  }
}

/** Whether the task was canceled by a call, of its own `cancel`, token or signal, and not because something went wrong. */
function endedOnPurpose(reason: CancelationReason | null, error: unknown): boolean {
  if (reason === null || !CancelationError.is(error)) return false
  if (reason.kind === 'manual') return true
  return reason.kind === 'abort' && reason.cause instanceof Error && reason.cause.name === 'AbortError'
}

/** Whether it is the end of the operation that ended the task. */
function endedWith(operation: Operation, reason: CancelationReason | null): boolean {
  return reason?.kind === 'parent' && reason.parent === undefined && reason.parentId === operation[kContext].id
}

/**
 * Runs functions as children, `concurrency` at a time. An error cancels the others, and is reported when they have ended.
 *
 * @throws TypeError, RangeError with Node's codes
 */
export function runAll(
  operation: Operation,
  functions: Iterable<unknown>,
  start: (fn: never) => Started,
  options: AllOptions = {},
): Promise<unknown[]> {
  const { concurrency = Infinity, onChildError = 'cancel' } = readOptions(options, 'option', [
    'concurrency',
    'onChildError',
  ])
  checkWhole(concurrency, 'concurrency', 1, Infinity, true)
  if (onChildError !== 'cancel' && onChildError !== 'ignore') {
    throw invalidChoice('onChildError', ['cancel', 'ignore'], onChildError)
  }
  if (typeof (functions as Partial<Iterable<unknown>> | null | undefined)?.[Symbol.iterator] !== 'function') {
    throw invalidType('functions argument', 'an iterable of functions', functions)
  }
  // All at once, so that nothing has started when one turns out to be wrong.
  if (Array.isArray(functions)) functions.forEach(checkFunction)
  // Then the iterable is not touched.
  const refusal = refusalOf(operation)
  if (refusal !== undefined) return rejectedQuietly(refusal)
  return new Batch(operation, functions[Symbol.iterator](), start, concurrency, onChildError === 'ignore').promise
}

function checkFunction(fn: unknown): void {
  if (typeof fn !== 'function')
    throw invalidType('functions argument', 'an iterable of functions, which all() calls', fn)
}

/** Whether its body has settled, or it is over. */
function isEnding(operation: Operation): boolean {
  return (operation[kFlags] & FINISHING) !== 0 || isOver(operation)
}

class Batch {
  readonly promise: Promise<unknown[]>
  readonly #operation: Operation
  readonly #functions: Iterator<unknown>
  readonly #start: (fn: never) => Started
  readonly #concurrency: number
  readonly #ignoresErrors: boolean
  readonly #results: unknown[] = []
  readonly #running = new Set<Operation>()
  /** Lets the operation end. It is not called by a reaction to the promise, which would hide a failure that nothing awaits. */
  readonly #over: () => void
  #resolve!: (results: unknown[]) => void
  #reject!: (error: unknown) => void
  #count = 0
  #isComplete = false
  #failure: { readonly error: unknown } | undefined

  constructor(
    operation: Operation,
    functions: Iterator<unknown>,
    start: (fn: never) => Started,
    concurrency: number,
    ignoresErrors: boolean,
  ) {
    this.#operation = operation
    this.#functions = functions
    this.#start = start
    this.#concurrency = concurrency
    this.#ignoresErrors = ignoresErrors
    this.#over = hold(operation)
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#fill()
  }

  #fill(): void {
    while (!this.#isComplete && this.#running.size < this.#concurrency) {
      if (isOver(this.#operation)) this.#fail(refusalOf(this.#operation))
      else this.#startNext()
    }
    if (this.#running.size === 0) this.#settle()
  }

  #startNext(): void {
    let fn: unknown
    try {
      const next = this.#functions.next()
      if (next.done === true) {
        this.#isComplete = true
        return
      }
      checkFunction(next.value)
      fn = next.value
    } catch (error) {
      this.#fail(error)
      return
    }
    const index = this.#count++
    const { operation, promise } = this.#start(fn as never)
    this.#running.add(operation)
    promise.then(
      (value) => this.#ended(operation, index, value),
      (error: unknown) => {
        if (!this.#ignoresErrors) {
          // The end of the parent, which ends these children, reports it.
          if (operation[kReason]?.kind === 'parent' && isEnding(this.#operation)) quiet(this.promise)
          this.#fail(error)
        }
        this.#ended(operation, index, undefined)
      },
    )
  }

  #ended(operation: Operation, index: number, value: unknown): void {
    this.#results[index] = value
    this.#running.delete(operation)
    this.#fill()
  }

  /** Starts no more, and cancels those that run. */
  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    if (!this.#isComplete) this.#close()
    this.#isComplete = true
    const reason = CancelationError.is(error) ? error.reason : errorReason(error)
    for (const each of this.#running) cancelWith(each, reason)
  }

  #close(): void {
    try {
      this.#functions.return?.()
    } catch (error) {
      reportError(error, 'task', this.#operation[kName])
    }
  }

  #settle(): void {
    const refusal = refusalOf(this.#operation)
    if (refusal !== undefined) {
      quiet(this.promise)
      this.#reject(refusal)
    } else if (this.#failure !== undefined) {
      this.#reject(this.#failure.error)
    } else {
      this.#resolve(this.#results)
    }
    this.#over()
  }
}
