/** Delivers the events of guards without waiting for a call of the sampling thread. */
import { drain } from '../addon/sampler.js'
import { hasNews } from '../addon/board.js'
import { nextTurn } from '../base/real-timers.js'

/** Delivers the pending events of guards now. */
export function deliverNews(): void {
  if (hasNews()) drain()
}

/**
 * The same in a separate turn of the event loop, as for all listeners of guards. Keeps the process alive until then.
 *
 * @param then called afterwards
 */
export function deliverNewsSoon(then: () => void = () => undefined): void {
  nextTurn(() => {
    deliverNews()
    then()
  })
}
