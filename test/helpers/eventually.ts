/** Waiting for what a test expects to come true. */
import { expect } from 'vitest'

// Integrations load the machine, and start large programs.
const LIMIT = process.env['TRIPLINE_TESTS'] === 'integrations' ? 100_000 : 20_000

/** Expects a condition to become true, and waits for that. The generous time limit is reached only if something is stuck. */
export async function eventually(
  check: () => boolean,
  what: string | (() => string) = check.toString(),
  limit = LIMIT,
): Promise<void> {
  const deadline = performance.now() + limit
  let isTrue = check()
  while (!isTrue && performance.now() <= deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    isTrue = check()
  }
  expect(isTrue, isTrue ? '' : `never came true: ${typeof what === 'string' ? what : what()}`).toBe(true)
}
