// node scrape.js text | register | default: microseconds of CPU time per scrape.
import client from 'prom-client'
import { guard } from '../../dist/index.js'
import { prometheusMetrics } from '../../dist/prometheus.js'

const [what] = process.argv.slice(2)
const alive = setInterval(() => undefined, 1000)
const registry = new client.Registry()
let scrape = () => registry.metrics()
if (what === 'default') {
  client.collectDefaultMetrics({ register: registry })
} else {
  const memory = guard({ memory: 99, 'disk.free': 1 }, { name: 'memory' })
  const metrics = prometheusMetrics({ guards: memory })
  await metrics.ready
  if (what === 'text') scrape = () => metrics.text()
  else metrics.register(registry)
}

async function round(times) {
  const before = process.cpuUsage()
  for (let each = 0; each < times; each++) await scrape()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / times
}

await round(500)
const rounds = []
for (let each = 0; each < 10; each++) rounds.push(await round(200))
clearInterval(alive)
const lines = (await scrape()).split('\n').filter((line) => line !== '' && !line.startsWith('#')).length
process.stdout.write(`${JSON.stringify({ microseconds: Math.min(...rounds), lines })}\n`)
process.exit()
