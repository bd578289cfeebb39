/** Keeps the process alive while somebody asks for it: the addon's own deliveries never do. */

// Node takes a longer one for 1 ms.
const LONGEST_DELAY = 2 ** 31 - 1

let holders = 0
let timer: NodeJS.Timeout | undefined

/** Until as many calls of {@link unref}. */
export function keepAlive(): void {
  holders++
  timer ??= setInterval(() => undefined, LONGEST_DELAY)
}

export function unref(): void {
  if (--holders > 0) return
  clearInterval(timer)
  timer = undefined
}
