// What reaches a blocked loop, under sanitizers: looks at loops, stacks, regions, the end of the heap, the watchdog and
// the flight recorder; in the main thread, and in workers that are terminated in the middle of them.
// Usage: node blocked.mjs <package folder>
import { join } from 'node:path'
import { once } from 'node:events'
import {
  block,
  check,
  delay,
  end,
  entry,
  expectNothingLeft,
  folder,
  holds,
  inThread,
  nameNotifySocket,
  say,
  until,
} from './tools.mjs'

const { Cancelable, CancelationToken, guard, lastRun, preemption, record, samplerStats, watchdog } = await import(entry)

nameNotifySocket()
check(preemption().available, `no regions: ${preemption().why}`)
guard({ memory: 100 }).close()
await until(() => !samplerStats().running, 'the end of the thread')
const before = holds()

say('a loop that is blocked, saturated, and idle by turns')
{
  const watched = guard({ 'eventLoop.delay': { above: 15, clear: 14, stack: true } }, { within: 1 })
  const taken = () => watched.latestBreaches[0]?.stack !== undefined
  for (let count = 0; count < 20; count++) {
    for (const limit = Date.now() + 60; Date.now() < limit && !taken(););
    for (let turns = 0; turns < 100; turns++) await new Promise((resolve) => setImmediate(resolve))
    await delay(5)
  }
  check(taken(), 'no stack')
  watched.close()
}

say('loops of workers that are terminated while they are looked at and interrupted')
for (let round = 0; round < 8; round++) {
  await Promise.all(
    [0, 1, 2].map(async (wait) => {
      const worker = inThread(
        `
        guard({ 'eventLoop.delay': { above: 10, stack: true }, heap: 99 }, { within: 1 })
        parentPort.postMessage('ready')
        setInterval(() => block(workerData), 1)
      `,
        { workerData: [5, 15, 1e9][wait] },
      )
      await once(worker, 'message')
      await delay(15 + 5 * wait + round)
      await worker.terminate()
    }),
  )
}

say('regions that end as they are ordered to')
{
  let ended = 0
  for (let i = 0; i < 400; i++) {
    const time = (i % 40) / 10
    await Cancelable.run((cancel) => cancel.preemptible(() => block((time + i) % 4)), { timeout: time + 0.1 }).then(
      () => undefined,
      () => ended++,
    )
  }
  check(ended > 20 && ended < 400, `${ended} of 400 regions were ended`)
}

say('nested regions, whose orders are for the inner, the outer or both')
for (let i = 0; i < 60; i++) {
  const inner = 1 + (i % 3)
  const outer = 1 + (i % 4)
  await Cancelable.run(
    (cancel) =>
      cancel.preemptible(() => {
        try {
          const nested = new Cancelable({ parent: cancel, timeout: inner }).enter()
          nested.preemptible(() => block(5))
        } catch {
          block(i % 3)
        }
        block(5)
      }),
    { timeout: outer },
  ).catch(() => undefined)
}

say('regions that are ended by tokens of other threads, guards and signals')
{
  const token = new CancelationToken()
  const worker = inThread(
    `
    parentPort.postMessage('ready')
    setTimeout(() => CancelationToken.from(workerData).cancel('enough'), 20)
  `,
    { workerData: token.share() },
  )
  await once(worker, 'message')
  let error = await Cancelable.run((cancel) => cancel.preemptible(() => block(1e9)), { token }).catch((each) => each)
  check(error.reason.kind === 'manual', 'not ended by the token')
  await worker.terminate()
  error = await Cancelable.run((cancel) => cancel.preemptible(() => block(1e9)), {
    resources: { 'eventLoop.delay': { above: 20, stack: true } },
  }).catch((each) => each)
  check(error.reason.kind === 'resource', 'not ended by the guard')
}

say('workers that are terminated in the middle of regions')
for (let round = 0; round < 10; round++) {
  await Promise.all(
    [0, 1, 2].map(async (kind) => {
      const worker = inThread(
        `
        parentPort.postMessage('ready')
        for (let i = 0; ; i++) {
          const timeout = [0.3, 3, 1e9][workerData]
          await Cancelable.run((cancel) => cancel.preemptible(() => {
            if (i % 2 === 0) return block(timeout * 2)
            return new Cancelable({ parent: cancel, timeout: timeout / 2 }).enter().preemptible(() => block(timeout * 2))
          }), { timeout }).catch(() => undefined)
        }
      `,
        { workerData: kind },
      )
      await once(worker, 'message')
      await delay(round * 3 + kind)
      await worker.terminate()
    }),
  )
}

say('heaps that are full, five times per worker, and workers terminated meanwhile')
await Promise.all(
  [0, 300].map(async (wait) => {
    const worker = inThread(
      `
      const fill = (keep) => { for (;;) keep.push(Array(1000).fill(keep.length)) }
      const resources = guard({ heap: 90 })
      let ended = 0
      for (let i = 0; i < 5; i++) {
        await Cancelable.run((cancel) => cancel.preemptible(() => fill([])), { resources }).catch((e) => { ended += e.reason.kind === 'resource' })
        while (resources.isBreached) await new Promise((resolve) => setTimeout(resolve, 20))
      }
      resources.close()
      parentPort.postMessage(ended)
    `,
      { resourceLimits: { maxOldGenerationSizeMb: 32 } },
    )
    if (wait === 0) {
      const [ended] = await once(worker, 'message')
      check(ended === 5, `ended ${ended} of 5 times`)
    } else {
      await once(worker, 'online')
      await delay(wait)
    }
    await worker.terminate()
  }),
)

say('the watchdog, in turn of several threads, and withheld')
{
  const dog = watchdog({ eventLoop: 30 })
  block(100)
  await until(() => dog.state === 'feeding', 'feeding')
  dog.close()
}
for (let round = 0; round < 8; round++) {
  await Promise.all(
    [0, 1, 2].map(async (wait) => {
      const worker = inThread(`
        try {
          const dog = watchdog({ eventLoop: 10, resources: { 'process.rss': 1e15 } })
          if (threadId % 2 === 0) dog.ready()
        } catch {}
        parentPort.postMessage('ready')
        setInterval(() => block(12), 5)
      `)
      await once(worker, 'message')
      await delay(wait * 7 + round)
      await worker.terminate()
    }),
  )
}

say('recordings in fast and slow places, of threads that end with and without closing them')
{
  const file = join(folder, 'main.recording')
  const recording = record({ file, interval: 10, last: '5s', metadata: true })
  const watched = guard({ 'process.rss': { above: 1 } }, { within: 1 })
  await Promise.all(
    Array.from({ length: 200 }, (_, i) => Cancelable.run((cancel) => cancel.sleep(i % 20), { name: `work ${i % 7}` })),
  )
  block(400)
  await delay(30)
  watched.close()
  recording.close()
  check(lastRun(file) !== undefined, 'the recording cannot be read')
}
for (let round = 0; round < 6; round++) {
  await Promise.all(
    ['/dev/shm', folder].map(async (place, index) => {
      const worker = inThread(
        `
        record({ file: workerData, interval: 10, last: '1s' })
        guard({ 'process.rss': { above: 1 }, 'eventLoop.delay': 15 }, { within: 1 })
        parentPort.postMessage('ready')
        setInterval(() => { void Cancelable.run((cancel) => cancel.sleep(5), { name: 'work' }); block(20) }, 1)
      `,
        { workerData: join(place, `tripline-sanitize-${process.pid}-${round}-${index}`) },
      )
      await once(worker, 'message')
      await delay(round * 11)
      await worker.terminate()
    }),
  )
}

await delay(100)
await expectNothingLeft(before, samplerStats)
end()
