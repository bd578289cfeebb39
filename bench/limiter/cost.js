// node cost.js METHOD: nanoseconds of CPU time per run of an empty async function.
import { COSTS } from './methods.js'

const [method] = process.argv.slice(2)
const run = await COSTS[method]()
const task = async () => undefined
const BATCH = 500

async function round(batches) {
  const before = process.cpuUsage()
  for (let batch = 0; batch < batches; batch++) {
    const runs = []
    for (let each = 0; each < BATCH; each++) runs.push(run(task))
    await Promise.all(runs)
  }
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / (batches * BATCH)
}

await round(200)
const rounds = []
for (let each = 0; each < 10; each++) rounds.push(await round(100))
process.stdout.write(`${JSON.stringify({ nanoseconds: Math.min(...rounds) })}\n`)
