/** Node's own timers, even if a test has replaced the globals. */
import { loadBuiltin } from './builtin.js'

// Not an import: a bundle would copy all of its properties, one by one, when it is loaded.
const timers: typeof import('node:timers') = loadBuiltin('node:timers')

type RealTimers = Pick<
  typeof timers,
  'setTimeout' | 'clearTimeout' | 'setInterval' | 'clearInterval' | 'setImmediate' | 'clearImmediate'
>

/**
 * Whether a function or object belongs to a fake clock. @sinonjs/fake-timers (sinon, vitest, Jest) marks its functions,
 * Jest's legacy timers are mock functions, and the timers of `node:test` are bound functions.
 */
export function isFake(value: object): boolean {
  return (
    'clock' in value || '_isMockFunction' in value || (typeof value === 'function' && value.name.startsWith('bound '))
  )
}

/** Node's own timers; until {@link reveal}, those of a fake clock that hid Node's own when this file was loaded. */
export const realTimers: RealTimers = { ...timers }

let hidden = isFake(timers.setTimeout)
let nodes: unknown = hidden ? undefined : timers.setTimeout

/** Restores timers that a fake clock hid when this file was loaded. Returns whether {@link realTimers} are Node's own. */
function reveal(): boolean {
  if (hidden && !isFake(timers.setTimeout)) {
    Object.assign(realTimers, timers)
    nodes = timers.setTimeout
    hidden = false
  }
  return !hidden
}

/** Whether the global `setTimeout` is Node's own, or missing, as in a bare context. */
export function areTimersReal(): boolean {
  const inForce: unknown = globalThis.setTimeout
  return inForce === nodes || inForce === undefined || (hidden && reveal() && inForce === nodes)
}

/** Calls back after one real turn of the event loop, even under a fake clock. */
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
