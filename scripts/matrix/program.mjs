// What every runtime of the matrix runs beside an installed tripline: a guard that breaches, an operation that ends for
// it, a loop that never yields and sees it all the same. Prints one line of JSON; anything else is a failure.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { Cancelable, capabilities, every, guard, sample, samplerStats } from 'tripline'

// The only Node for ARMv7 on the registry is 20.11, older than what we ask for; this is all that it lacks.
if (!('getBuiltinModule' in process)) process.getBuiltinModule = createRequire(import.meta.url)

const steps = []
const expect = (what, condition) => {
  if (!condition) throw new Error(`${what}: no`)
  steps.push(what)
}
// Nothing here waits for long; a runtime that gets stuck must not hold up the others.
const watchdog = setTimeout(() => {
  console.log(JSON.stringify({ failed: 'stuck', steps }))
  process.exit(1)
}, 60_000)

try {
  const metrics = capabilities()
  const available = metrics.filter((each) => each.available)
  expect(
    'process.rss is there',
    available.some((each) => each.metric === 'process.rss'),
  )

  const tiny = guard({ 'process.rss': { above: '1MB' } })
  const breach = await new Promise((resolve) => tiny.on('breach', resolve))
  expect('a guard breaches', breach.metric === 'process.rss' && breach.value > 1e6 && breach.origin !== '')
  tiny.close()

  const resources = guard({ 'process.rss': { above: '1MB' } })
  const cancel = new Cancelable({ resources })
  const error = await cancel.run(() => new Promise(() => {})).catch((caught) => caught)
  expect('an operation ends for it', error.reason?.kind === 'resource')

  resources.close()

  // Filled from inside the loop: it must not be breached before.
  const used = (await sample('process.rss')).get('process.rss').value
  const room = guard({ 'process.rss': { above: used + 64e6 } }, { within: 10 })
  const blocked = new Cancelable({ resources: room })
  let seen = false
  await blocked
    .run(() => {
      const held = []
      for (const start = Date.now(); !seen && Date.now() - start < 30_000; seen = blocked.isCanceled) {
        if (held.length < 256) held.push(new Uint8Array(1e6).fill(1))
      }
    })
    .catch(() => {})
  expect('a loop that never yields sees it', seen)
  room.close()

  const beats = every({ hz: 100 }, () => {})
  const tenth = performance.now() + 20_000
  while (beats.stats.ticks < 10 && performance.now() < tenth) await new Promise((resolve) => setTimeout(resolve, 20))
  expect('a ticker beats', beats.stats.ticks >= 10)
  await beats.close()

  const worker = new Worker(new URL('worker.mjs', import.meta.url))
  const [command] = await once(worker, 'message')
  const runs = () => command !== undefined && existsSync(`/proc/${command}`)
  expect('a worker has a command', runs() || process.platform === 'win32')
  await worker.terminate()
  const gone = performance.now() + 20_000
  while ((samplerStats().guards > 0 || runs()) && performance.now() < gone)
    await new Promise((resolve) => setTimeout(resolve, 20))
  expect('a worker is ended with live guards', samplerStats().guards === 0)
  expect('and its command with it', !runs())

  if (process.platform === 'win32') {
    // Of a process that runs, Windows says that its exit code is 259.
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => process.exit(259), 1000)'], { stdio: 'ignore' })
    const watched = guard({ 'process.rss': { above: '1TB', pid: child.pid } })
    await new Promise((resolve) => watched.on('unavailable', resolve))
    expect('a process that ended with code 259 has ended', watched.state === 'unavailable')
    watched.close()
  }

  for (let i = 0; i < 200; i++) guard({ 'process.rss': { above: '1TB' } }).close()
  const deadline = Date.now() + 20_000
  while (samplerStats().running && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20))
  expect('the thread stops with the last guard', !samplerStats().running)

  console.log(
    JSON.stringify({
      ok: true,
      steps,
      available: available.map(({ metric, origin }) => [metric, origin]),
      unavailable: metrics.filter((each) => !each.available).map(({ metric, why }) => [metric, why]),
    }),
  )
} catch (error) {
  console.log(JSON.stringify({ failed: String(error?.stack ?? error), steps }))
  process.exitCode = 1
}
clearTimeout(watchdog)
