// Ways to limit how many tasks run at the same time. Each returns a function that runs one.
import { Cancelable, limiter } from '../../dist/index.js'

/** At most `limit()` at the same time, first come, first served; `ended` gets how long each took. */
function queueOf(limit, ended = () => undefined) {
  const waiting = []
  let active = 0
  const next = () => {
    while (active < limit() && waiting.length > 0) waiting.shift()()
  }
  return async (task) => {
    if (active >= limit()) await new Promise((resolve) => waiting.push(resolve))
    active++
    const began = performance.now()
    try {
      return await task()
    } finally {
      active--
      ended(performance.now() - began, active + 1)
      next()
    }
  }
}

/** The gradient of Netflix's concurrency-limits (Gradient2): the limit follows the long-term latency over the latest. */
function gradient(max) {
  let limit = 20
  let usual = 0
  const ended = (took, active) => {
    usual = usual === 0 ? took : usual + (took - usual) / 600
    // A limit that is not used says nothing.
    if (active < limit / 2) return
    const ratio = Math.max(0.5, Math.min(1, (1.5 * usual) / took))
    limit = Math.max(1, Math.min(max, limit + 0.2 * (limit * ratio + Math.sqrt(limit) - limit)))
  }
  return queueOf(() => limit, ended)
}

const adaptive = (resources, more = {}) => {
  const limit = limiter({ min: 4, max: 64, initial: 8, resources, ...more })
  return Object.assign((task) => limit.run(task), { limiter: limit })
}

const MEMORY = { memory: 60 }
const LOOP = { 'eventLoop.delay': { above: 100, for: '100ms' } }
// A loser on a machine that others use as well: it cuts for their load, too.
const CPU = { cpu: { above: 95, for: '500ms' } }

export const METHODS = {
  'fixed 16': () => queueOf(() => 16),
  'fixed 64': () => queueOf(() => 64),
  'latency gradient': () => gradient(64),
  'tripline, memory and eventLoop.delay': () => adaptive([MEMORY, LOOP]),
  'tripline, memory and cpu': () => adaptive([MEMORY, CPU]),
  'tripline, memory only': () => adaptive(MEMORY),
}

/** For the cost of a run. */
export const COSTS = {
  'limiter.run': () => {
    const limit = limiter({ min: 1000, max: 1000 })
    return (task) => limit.run(task)
  },
  'limiter.run that waits': () => {
    const limit = limiter({ min: 10, max: 10 })
    return (task) => limit.run(task)
  },
  'Cancelable.run': () => (task) => Cancelable.run(task),
  'p-queue': async () => {
    const { default: PQueue } = await import('p-queue')
    const queue = new PQueue({ concurrency: 1000 })
    return (task) => queue.add(task)
  },
  'p-queue that waits': async () => {
    const { default: PQueue } = await import('p-queue')
    const queue = new PQueue({ concurrency: 10 })
    return (task) => queue.add(task)
  },
}
