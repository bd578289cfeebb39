// Run by every runtime of the matrix, in a project with tripline installed: a guard that breaches, an operation that the
// breach cancels, and a loop that sees the breach although it never yields. Prints one line of JSON; any other output is a
// failure.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { Cancelable, capabilities, describeBreach, every, guard, sample, samplerStats } from 'tripline'

// The only Node for ARMv7 on the registry is 20.11, older than the required version; it lacks only this function.
if (!('getBuiltinModule' in process)) process.getBuiltinModule = createRequire(import.meta.url)

const steps = []
const expect = (what, condition) => {
  if (!condition) throw new Error(`${what}: no`)
  steps.push(what)
}
// Node counts the turns of its loop from 20.18 on.
const turns = () => performance.nodeTiming?.uvMetricsInfo?.loopCount ?? 0
// The steps are short. A runtime that hangs must not delay the others.
const watchdog = setTimeout(() => {
  console.log(JSON.stringify({ failed: 'stuck', steps }))
  process.exit(1)
}, 60_000)

try {
  const metrics = capabilities()
  const available = metrics.filter((each) => each.available)
  expect(
    'process.rss is available',
    available.some((each) => each.metric === 'process.rss'),
  )

  const tiny = guard({ 'process.rss': { above: '1MB' } })
  const breach = await new Promise((resolve) => tiny.on('breach', resolve))
  expect('a guard breaches', breach.metric === 'process.rss' && breach.value > 1e6 && breach.origin !== '')
  tiny.close()

  const resources = guard({ 'process.rss': { above: '1MB' } })
  const cancel = new Cancelable({ resources })
  const error = await cancel.run(() => new Promise(() => {})).catch((caught) => caught)
  expect('a breach cancels an operation', error.reason?.kind === 'resource')

  resources.close()

  // The loop itself fills the memory, so that the limit is not crossed earlier.
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
  expect('a loop that never yields sees the breach', seen)
  room.close()

  const loop = guard({ 'eventLoop.delay': { above: 50, stack: true } }, { within: 20 })
  const patience = performance.now() + 20_000
  const { stack: readable, stackWhy } = metrics.find((each) => each.metric === 'eventLoop.delay')
  const isSeen = () => loop.isBreached && (!readable || loop.breaches[0].stack !== undefined)
  ;(function blockTheLoop() {
    while (!isSeen() && performance.now() < patience);
  })()
  expect('a loop that is blocked is seen', isSeen())
  const ofNode = !('bun' in process.versions) && !('deno' in process.versions) && process.platform !== 'win32'
  expect('it is said where the stack is not available', readable === ofNode && (stackWhy === '') === readable)
  const shown = describeBreach(loop.breaches[0])
  expect('the code that blocks the loop has a name', readable === /(isSeen|blockTheLoop).*program\.mjs:\d+/.test(shown))
  loop.close()

  const still = guard({ 'eventLoop.delay': { above: 5000 } }, { within: 10 })
  let unwoken = false
  // On a busy machine, some waits have few reads, or turns for other reasons.
  for (let i = 0; i < 20 && !unwoken; i++) {
    const [turned, read] = [turns(), samplerStats().reads]
    await new Promise((resolve) => setTimeout(resolve, 500))
    unwoken = samplerStats().reads - read > 5 && turns() - turned < 6
  }
  expect('a loop that waits is not woken', unwoken)
  still.close()

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
  expect('the command of a worker ends with it', !runs())

  if (process.platform === 'win32') {
    // Windows reports 259 as the exit code of a running process.
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
