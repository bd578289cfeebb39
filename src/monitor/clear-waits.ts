/** Calls that wait until a guard is clear. */

interface Wait {
  settle(error?: Error): void
}

export class ClearWaits {
  #waits = new Set<Wait>()

  /** Resolves or rejects with {@link settle}, or rejects with the reason of `signal`, which is not aborted yet. */
  add(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waits.delete(wait)
        reject(signal!.reason as Error)
      }
      const wait: Wait = {
        settle: (error) => {
          signal?.removeEventListener('abort', abort)
          if (error === undefined) resolve()
          else reject(error)
        },
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#waits.add(wait)
    })
  }

  /** Ends all waits. */
  settle(error?: Error): void {
    const waits = this.#waits
    this.#waits = new Set()
    for (const each of waits) each.settle(error)
  }
}
