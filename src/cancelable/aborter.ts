/** The standard signal of an operation. */
import { getEventListeners, setMaxListeners } from 'node:events'
import { thisContext } from '../base/async-context.js'
import type { CancelationError } from '../base/cancelation-error.js'
import { callBeside } from './current.js'

/** The symbol under which Node keeps the signals that `AbortSignal.any` made of a signal. */
const DEPENDENTS = 'kDependantSignals'

function isObserved(signal: AbortSignal): boolean {
  try {
    if (getEventListeners(signal, 'abort').length > 0) return true
  } catch {
    // A test environment has replaced `AbortController` by its own.
    return true
  }
  const key = Object.getOwnPropertySymbols(signal).find((each) => each.description === DEPENDENTS)
  if (key === undefined) return false
  return ((signal as unknown as Record<symbol, Set<unknown> | undefined>)[key]?.size ?? 0) > 0
}

/** Aborts a signal in the async context in which it was first read, so that its listeners run there. */
export class Aborter {
  readonly #controller = new AbortController()
  readonly #inContext = thisContext()

  constructor() {
    // One per waiting call inside the operation; they all end with it, so many are no leak.
    setMaxListeners(0, this.#controller.signal)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Whether a listener, or a signal that follows this one, learns of the abort. */
  isObserved(): boolean {
    return isObserved(this.#controller.signal)
  }

  abort(error: CancelationError, operation: object): void {
    this.#inContext(() => callBeside(operation, () => this.#controller.abort(error)))
  }
}
