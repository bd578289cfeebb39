/** Waiting for what a test expects to come true. */
import { expect } from 'vitest'

/** Expects a condition to become true, and waits for that. The generous time limit is reached only if something is stuck. */
export async function eventually(
  check: () => boolean,
  what: string | (() => string) = check.toString(),
  limit = 20_000,
): Promise<void> {
  const deadline = performance.now() + limit
  let isTrue = check()
  while (!isTrue && performance.now() <= deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    isTrue = check()
  }
  expect(isTrue, isTrue ? '' : `never came true: ${typeof what === 'string' ? what : what()}`).toBe(true)
}
