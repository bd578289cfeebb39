/** Keeps the process alive while a caller asks for it: the addon's own deliveries never do. */
import { LONGEST_DELAY } from './clock.js'

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
