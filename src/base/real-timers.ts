/** Node's own timers, whatever a test has put in the place of the globals. */
import timers from 'node:timers'

type RealTimers = Pick<
  typeof timers,
  'setTimeout' | 'clearTimeout' | 'setInterval' | 'clearInterval' | 'setImmediate' | 'clearImmediate'
>

/**
 * Whether a function or object belongs to a fake clock: @sinonjs/fake-timers (sinon, vitest, Jest) marks its own, those of
 * Jest's legacy timers are mock functions, and those of `node:test` bound ones.
 */
export function isFake(value: object): boolean {
  return (
    'clock' in value || '_isMockFunction' in value || (typeof value === 'function' && value.name.startsWith('bound '))
  )
}

/** Node's own. Where this file was loaded under a fake clock that hides them: that clock's, until {@link reveal}. */
export const realTimers: RealTimers = { ...timers }

let hidden = isFake(timers.setTimeout)
let nodes: unknown = hidden ? undefined : timers.setTimeout

/** Looks for what a fake clock hid when this file was loaded. Returns whether {@link realTimers} are Node's own. */
function reveal(): boolean {
  if (hidden && !isFake(timers.setTimeout)) {
    Object.assign(realTimers, timers)
    nodes = timers.setTimeout
    hidden = false
  }
  return !hidden
}

/** Whether the global `setTimeout` is Node's own, or there is none, as in a bare context. */
export function areTimersReal(): boolean {
  const inForce: unknown = globalThis.setTimeout
  return inForce === nodes || inForce === undefined || (hidden && reveal() && inForce === nodes)
}

/** Calls back after the event loop has turned once; in a fake clock it would not turn. */
export function nextTurn(callback: () => void): void {
  if (!hidden || reveal()) {
    realTimers.setImmediate(callback)
    return
  }
  const { port1, port2 } = new MessageChannel()
  port1.on('message', () => {
    port1.close()
    callback()
  })
  port2.postMessage(undefined)
}
