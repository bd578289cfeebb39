/** Waits for a condition to become true. The generous time limit is reached only if something is stuck. */
export async function eventually(
  check: () => boolean,
  what: string | (() => string) = check.toString(),
  limit = 20_000,
): Promise<void> {
  const deadline = performance.now() + limit
  while (!check()) {
    if (performance.now() > deadline) throw new Error(`never came true: ${typeof what === 'string' ? what : what()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
