// What the programs under sanitizers share: the library of the copy under test, and what a process holds.
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'

export { delay }

/** The library of the folder in the first argument, as a URL. */
export const entry = pathToFileURL(`${process.argv[2]}/dist/index.js`).href

/** The same as a path, for require(). */
const library = join(process.argv[2], 'dist/index.cjs')

/** For files; removed at the end. Not in memory, so that recordings have their helper thread. */
export const folder = mkdtempSync(join(tmpdir(), 'tripline-sanitize-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

// Guards do not keep the process alive, but these programs wait for them at their top level.
const alive = setInterval(() => undefined, 1e6)
export const end = () => clearInterval(alive)

/** Programs that are started are not under the sanitizer. */
export const env = { PATH: process.env.PATH }

export function say(what) {
  console.log(`  ${what}`)
}

export function check(condition, what) {
  if (!condition) throw new Error(what)
}

/** Waits until `condition()`, for as long as a slow machine may need. */
export async function until(condition, what) {
  for (let i = 0; i < 12_000; i++) {
    if (await condition()) return
    await delay(10)
  }
  throw new Error(`never: ${what}`)
}

export function block(ms) {
  for (const stop = performance.now() + ms; performance.now() < stop;);
}

/** Lets watchdogs feed a socket of systemd's that nothing listens on, which takes the same path. */
export function nameNotifySocket() {
  Object.assign(process.env, { NOTIFY_SOCKET: `@tripline-sanitize-${process.pid}`, WATCHDOG_USEC: '2000000' })
}

/**
 * A worker that runs `source`, the body of an async function with the names of the library and a `block`. Its data is
 * `workerData`. It stays until it is terminated.
 */
export function inThread(source, options) {
  // Not a module: the runtime loses the descriptor of one whose worker is terminated while it is read.
  const text = `
    const { spawn } = require('node:child_process')
    const { join } = require('node:path')
    const { parentPort, threadId, workerData } = require('node:worker_threads')
    const { Cancelable, CancelationToken, every, guard, monitor, record, run, sample, samples, snapshot, watchdog } = require(${JSON.stringify(library)})
    const block = (ms) => { for (const end = performance.now() + ms; performance.now() < end;); }
    const alive = setInterval(() => undefined, 1e6)
    void (async () => { ${source} })()
  `
  return new Worker(text, { eval: true, stdout: true, stderr: true, ...options })
}

/** How many descriptors and threads this process has. */
export function holds() {
  const threads = Number(/^Threads:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1])
  const open = descriptors()
  return { descriptors: open.length, open, threads }
}

function descriptors() {
  return readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return 'the folder itself'
    }
  })
}

// What a first use may open for the rest of the process. A descriptor lost per command or worker would be far above.
const KEPT = 2

/** Checks that nothing is left of what came after `before`. */
export async function expectNothingLeft(before, samplerStats) {
  const left = () => {
    const now = holds()
    const { guards, series, tickers, running } = samplerStats()
    return { ...now, guards, series, tickers, running }
  }
  const clean = () => {
    const now = left()
    return (
      now.guards === 0 &&
      now.series === 0 &&
      now.tickers === 0 &&
      !now.running &&
      now.descriptors <= before.descriptors + KEPT &&
      now.threads <= before.threads
    )
  }
  for (let i = 0; i < 3000 && !clean(); i++) await delay(10)
  if (!clean()) throw new Error(`left behind: ${JSON.stringify(left())}; before: ${JSON.stringify(before)}`)
}
