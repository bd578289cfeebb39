/** Promises whose rejection is reported elsewhere, so that an unawaited one must not end the process. */

/** Marks the rejection of `promise` as handled. Callers that await it still get it. */
export function quiet(promise: Promise<unknown>): void {
  promise.catch(() => undefined)
}

/** A promise that has rejected, marked as handled. */
export function rejectedQuietly(reason: unknown): Promise<never> {
  const promise = Promise.reject(reason)
  quiet(promise)
  return promise
}
