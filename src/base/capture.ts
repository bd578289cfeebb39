/** What the executor of a promise was given: one function for all promises instead of a closure for each. */

/** Of the promise that was made last with {@link capture}; to be read at once. */
export let capturedResolve: (value: unknown) => void
export let capturedReject: (error: unknown) => void

/** The executor: `new Promise(capture)`. */
export function capture(resolve: (value: never) => void, reject: (error: unknown) => void): void {
  capturedResolve = resolve as (value: unknown) => void
  capturedReject = reject
}
