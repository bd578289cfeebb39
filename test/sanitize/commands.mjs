// Commands under sanitizers: their supervisors, the helper threads that wait for them, their guards, and sources that
// vanish while they are read; in the main thread, and in workers that are terminated in the middle of them.
// Usage: node commands.mjs <package folder>
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { check, delay, end, entry, env, expectNothingLeft, holds, inThread, say, until } from './tools.mjs'

const { guard, run, samplerStats } = await import(entry)

await run('true', [], { env })
await until(() => !samplerStats().running, 'the end of the thread')
const before = holds()

const shell = (line, options) => run('/bin/sh', ['-c', line], { env, ...options })

say('commands that end in every way')
{
  const results = await Promise.all(
    [
      shell('exit 7'),
      shell('kill -KILL $$'),
      shell('sleep 60', { timeout: 20, killAfter: 20 }),
      shell("trap '' TERM; sleep 60 & sleep 60", { timeout: 30, killAfter: 20 }),
      shell('sleep 60', { idleOutput: 30, killAfter: 20 }),
      shell('sleep 60', { limits: { 'process.rss': { above: 1 } }, killAfter: 20 }),
      shell('sleep 60', { resources: { 'process.rss': { above: 1 } }, killAfter: 20 }),
      shell('sleep 0.2', { limits: { 'process.rss': { above: 1 } }, onBreach: 'pause', timeout: 500 }),
      shell('sleep 0.05; exit 3', { restart: 2, backoff: 5 }),
      shell('setsid sleep 60 & sleep 0.05', { peaks: true }),
      run('/no/such/program', [], { env }).catch((error) => error),
    ].map((each) => Promise.resolve(each).catch((error) => error)),
  )
  check(results.length === 11, 'not all commands have ended')
}

say('commands that are started and ended at once')
for (let round = 0; round < 10; round++) {
  const enders = Array.from({ length: 6 }, () => new AbortController())
  const running = enders.map(({ signal }) => shell('sleep 60', { killAfter: 10, signal }))
  await delay(round * 2)
  for (const each of enders) each.abort()
  await Promise.allSettled(running)
}

/** The processes that this one has started. */
function children() {
  return readdirSync('/proc').filter((pid) => {
    try {
      return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) === process.pid
    } catch {
      return false
    }
  })
}

say('supervisors that are killed')
for (let round = 0; round < 5; round++) {
  const running = shell('sleep 60 & sleep 60')
  await until(() => children().length > 0, 'a supervisor')
  await delay(round * 5)
  for (const pid of children()) process.kill(Number(pid), 'SIGKILL')
  await running.catch(() => undefined)
}

say('sources that vanish while they are read')
for (let round = 0; round < 10; round++) {
  const running = shell('sleep 0.05 & sleep 0.03 & sleep 0.01')
  await until(() => children().length > 0, 'a supervisor')
  let watched
  try {
    const pid = Number(children()[0])
    watched = guard(
      { 'process.rss': { above: 1e15, pid, tree: true }, 'process.count': { above: 1e9, pid, tree: true } },
      { within: 1 },
    )
  } catch {
    // It has ended already.
  }
  await running.catch(() => undefined)
  watched?.close()
}

say('workers that are terminated while commands start, run and end')
for (let round = 0; round < 8; round++) {
  await Promise.all(
    [0, 1, 2].map(async (kind) => {
      const worker = inThread(
        `const { env, kind } = workerData
         const start = () => run('/bin/sh', ['-c', ['sleep 0.01', 'sleep 60 & sleep 60', 'exit 3'][kind]], {
           env, timeout: 5000, killAfter: 10, limits: { 'process.rss': 1e15, 'process.count': 1000 }, idleOutput: 4000,
         }).catch(() => undefined)
         parentPort.postMessage('ready')
         for (let i = 0; i < 3; i++) void start()
         if (kind !== 1) setInterval(start, 10)`,
        { workerData: { env, kind } },
      )
      await once(worker, 'message')
      await delay(round * 6)
      await worker.terminate()
    }),
  )
}

await expectNothingLeft(before, samplerStats)
end()
