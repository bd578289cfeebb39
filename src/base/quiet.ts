/** Promises whose rejection is reported elsewhere, so that an unawaited one must not end the process. */

/** Marks the rejection of `promise` as handled. Callers that await it still get it. */
export function quiet(promise: Promise<unknown>): void {
  promise.catch(() => undefined)
}

/** A promise that has rejected, marked as handled. */
export function rejectedQuietly(error: unknown): Promise<never> {
  // oxlint-disable-next-line promise/no-promise-in-callback -- the rule takes the name of the parameter for a callback's
  const promise = Promise.reject(error)
  quiet(promise)
  return promise
}
