// Measures process CPU time. Each round runs all cases in turn, so that other load on the machine affects all alike.

/** CPU time of this process, in nanoseconds. */
export function cpuTime() {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1e3
}

let loops = 0
/** A separate loop for each case: a shared one would be optimized for the first and slow for the rest. */
function loopOf(fn, asynchronous) {
  const text = asynchronous
    ? `return async (count) => { for (let i = 0; i < count; i++) await fn(i) } // ${loops++}`
    : `return (count) => { for (let i = 0; i < count; i++) fn(i) } // ${loops++}`
  // oxlint-disable-next-line typescript/no-implied-eval -- the text is ours
  return new Function('fn', text)(fn)
}

export const each = (fn) => loopOf(fn, false)
export const awaitEach = (fn) => loopOf(fn, true)

/**
 * Nanoseconds of CPU time per operation, as the least and the median of the rounds, by case.
 *
 * @param cases by name, `(count) => void | Promise`, or `[thousands, fn]` for slow ones
 */
export async function time(cases, { count = 100_000, rounds = 15 } = {}) {
  const results = {}
  const entries = Object.entries(cases).map(([name, value]) => {
    results[name] = []
    return Array.isArray(value) ? [name, value[1], value[0]] : [name, value, count]
  })
  for (let round = -2; round < rounds; round++) {
    for (const [name, fn, n] of entries) {
      const start = cpuTime()
      await fn(n)
      if (round >= 0) results[name].push((cpuTime() - start) / n)
      // Let deferred work of a case finish, so that it is not charged to the next. A manual collection would discard
      // optimized code.
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  return Object.fromEntries(Object.entries(results).map(([name, all]) => [name, summary(all)]))
}

function summary(all) {
  const sorted = all.toSorted((a, b) => a - b)
  return { min: sorted[0], median: sorted[sorted.length >> 1] }
}

/** Bytes of heap that one operation allocates. The young generation must be too large for a batch to fill. */
export async function bytes(fn, { batch = 2000, batches = 31 } = {}) {
  for (let i = 0; i < 20; i++) await fn(batch)
  const all = []
  for (let i = 0; i < batches; i++) {
    const before = process.memoryUsage().heapUsed
    await fn(batch)
    const grown = process.memoryUsage().heapUsed - before
    if (grown > 0) all.push(grown / batch)
  }
  return summary(all).median
}

/** Bytes of heap per operation that remain after `count` operations and a full garbage collection. */
export async function retained(fn, count) {
  await fn(count)
  const before = await settledHeap()
  await fn(count)
  return ((await settledHeap()) - before) / count
}

export async function settledHeap() {
  for (let i = 0; i < 5; i++) {
    globalThis.gc()
    await new Promise(setImmediate)
  }
  return process.memoryUsage().heapUsed
}

/** Prints the result of a bench program: one line of JSON. */
export function report(result) {
  console.log(JSON.stringify(result))
}
