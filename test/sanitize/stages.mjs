// Workers that are terminated at every stage of a program that uses everything and closes nothing, under sanitizers.
// Afterwards, nothing of them is left. Usage: node stages.mjs <package folder> [rounds]
import { once } from 'node:events'
import {
  delay,
  end,
  entry,
  env,
  expectNothingLeft,
  folder,
  holds,
  inThread,
  nameNotifySocket,
  say,
  until,
} from './tools.mjs'

const { capabilities, guard, samplerStats } = await import(entry)
const rounds = Number(process.argv[3] ?? 2)

nameNotifySocket()
guard({ memory: 100 }).close()
// Tries everything once, so that what it keeps for the process is there before the comparison.
capabilities()
await until(() => !samplerStats().running, 'the end of the thread')
const before = holds()

const FAR = { memory: 100, cpu: 100, disk: 100, 'eventLoop.delay': 1e6, heap: 100, 'pressure.memory': 100 }

/** The stages, each a statement of the worker. */
const STAGES = [
  `guard({ 'process.rss': { above: 1, for: 0 } }, { within: 1 }).on('breach', () => undefined)`,
  `guard(${JSON.stringify(FAR)}, { within: 1 })`,
  `guard({ 'eventLoop.delay': { above: 10, stack: true } }, { within: 1 })`,
  `guard({ 'process.rss': { above: 1, for: 0 } }, { within: 1, evidence: ['report'], evidenceFolder: folder })`,
  `for (let i = 0; i < 10; i++) every('250us', () => {})`,
  `for (let i = 0; i < 10; i++) every(1, (cancel) => cancel.sleep(2))`,
  `void (async () => { for await (const _ of samples({ metrics: 'memory', interval: '250us', batch: 4 })); })()`,
  `const open = samples({ metrics: ['memory', 'process.cpu'], interval: 1 }); void open.next()`,
  `void sample(['memory', 'disk']).catch(() => undefined)`,
  `record({ file: join(folder, String(threadId)), interval: 10, last: '1s' })`,
  `record({ file: '/dev/shm/tripline-stages-' + process.pid + '-' + threadId, interval: 10, last: '1s' })`,
  `try { watchdog({ eventLoop: 10 }) } catch {}`,
  `void run('/bin/sh', ['-c', 'sleep 60 & sleep 60'], { env, limits: { 'process.rss': 1e15 }, killAfter: 10 }).catch(() => undefined)`,
  `void run('sleep', ['0.01'], { env, idleOutput: 1000, killAfter: 10 }).catch(() => undefined)`,
  `{ const child = spawn('sleep', ['0.02'], { env }); try { guard({ 'process.rss': { above: 1e12, pid: child.pid, tree: true } }, { within: 1 }) } catch {} }`,
  `setInterval(() => void Cancelable.run((cancel) => cancel.preemptible(() => block(4)), { timeout: 2 }).catch(() => undefined), 3)`,
  `setInterval(() => void Cancelable.run((cancel) => cancel.sleep(5), { name: 'work' }), 1)`,
  `monitor(['memory', 'eventLoop.delay']); snapshot()`,
  `setInterval(() => block(12), 20)`,
]

/** A worker that takes the first `count` stages, beginning at another one each time. */
function withStages(count, first) {
  const stages = Array.from({ length: count }, (_, i) => STAGES[(first + i) % STAGES.length])
  const source = `
    const { env, folder } = workerData
    ${stages.map((each) => `{ ${each} }`).join('\n')}
    parentPort.postMessage('ready')
  `
  return inThread(source, { workerData: { env, folder } })
}

let count = 0
for (let round = 0; round < rounds; round++) {
  say(`workers terminated at each of ${STAGES.length} stages, round ${round + 1}`)
  for (let stage = 1; stage <= STAGES.length; stage++) {
    await Promise.all(
      [0, 1, 2].map(async (kind) => {
        const worker = withStages(stage, stage * 7 + round * 5 + kind)
        // The first is terminated as it begins, the others once everything is open, and a little later.
        if (kind === 0) {
          await once(worker, 'online')
          await delay(stage * 3)
        } else {
          await Promise.race([once(worker, 'message'), once(worker, 'error').then(([error]) => Promise.reject(error))])
          await delay(kind === 1 ? 0 : 10 + round)
        }
        await worker.terminate()
        count++
      }),
    )
  }
}
say(`${count} workers`)
await expectNothingLeft(before, samplerStats)
end()
