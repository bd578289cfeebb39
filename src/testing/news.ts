/** What guards have to report, delivered without waiting for the sampling thread's own call. */
import { drain } from '../addon/sampler.js'
import { hasNews } from '../addon/board.js'
import { nextTurn } from '../base/real-timers.js'

/** Delivers what guards have to report now. */
export function deliverNews(): void {
  if (hasNews()) drain()
}

/**
 * The same in a turn of its own, as all listeners of guards are called; the process stays alive until then.
 *
 * @param then called after it
 */
export function deliverNewsSoon(then: () => void = () => undefined): void {
  nextTurn(() => {
    deliverNews()
    then()
  })
}
