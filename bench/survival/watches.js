// Ways to notice that memory runs short, all at the same line. Each begins to watch and returns `isOver()`, which a job calls
// after each chunk.
import { Cancelable, guard } from '../../dist/index.js'
import { LIMIT, LINE } from './limits.js'

const never = () => false
/** For tripline: of the control group, in percent. */
const RESOURCES = { memory: (100 * LINE) / LIMIT }

function interval(period) {
  let over = false
  setInterval(() => (over = process.memoryUsage.rss() > LINE), period)
  return { isOver: () => over, period }
}

async function underPressure(more) {
  const { default: Fastify } = await import('fastify')
  const { default: plugin } = await import('@fastify/under-pressure')
  const app = Fastify()
  await app.register(plugin, { maxRssBytes: LINE, ...more })
  await app.ready()
  // Without a server, its timer keeps no process alive.
  setInterval(() => undefined, 1e6)
  return { isOver: () => app.isUnderPressure(), period: more?.sampleInterval ?? 1000 }
}

const rssCheck = () => ({ isOver: () => process.memoryUsage.rss() > LINE })
const availableCheck = () => ({ isOver: () => process.availableMemory() < LIMIT - LINE })

/** For a job that lets the event loop turn: what reports does so by an event or a timer. */
export const FREE = {
  nothing: () => ({ isOver: never }),
  'setInterval, rss() every 100 ms': () => interval(100),
  'under-pressure, as it comes (1 s)': () => underPressure(),
  'under-pressure, sampleInterval 100': () => underPressure({ sampleInterval: 100 }),
  'inline, memoryUsage.rss()': rssCheck,
  'inline, availableMemory()': availableCheck,
  'tripline, its event': () => {
    let over = false
    const watched = guard(RESOURCES)
    watched.on('breach', () => (over = true))
    watched.on('clear', () => (over = false))
    watched.ref()
    return { isOver: () => over }
  },
}

/** For a job that blocks the event loop. Those that need a turn of it are here to show that they get none. */
export const BLOCKED = {
  nothing: FREE.nothing,
  'setInterval, rss() every 100 ms': () => interval(100),
  'under-pressure, sampleInterval 100': () => underPressure({ sampleInterval: 100 }),
  'inline, memoryUsage.rss()': rssCheck,
  'inline, availableMemory()': availableCheck,
  'tripline, isCanceled': () => {
    const operation = new Cancelable({ resources: RESOURCES })
    operation.enter()
    return { isOver: () => operation.isCanceled }
  },
  // It never checks: it is ended.
  'tripline, preemptible()': () => ({
    isOver: never,
    run: (job) => Cancelable.run((cancel) => cancel.preemptible(job), { resources: RESOURCES }).catch(() => undefined),
  }),
}
