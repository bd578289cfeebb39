/** Captures the functions that settle a promise, with one executor for all promises instead of a closure for each. */

/** Resolves the promise that was last made with {@link capture}. Read it right after making the promise. */
export let capturedResolve: (value: unknown) => void
export let capturedReject: (error: unknown) => void

/** The executor: `new Promise(capture)`. */
export function capture(resolve: (value: never) => void, reject: (error: unknown) => void): void {
  capturedResolve = resolve as (value: unknown) => void
  capturedReject = reject
}
