// node survival.mjs none|event|isCanceled: the service of the scenario `survival`. It keeps what it was given, and on request
// reads a file through the page cache or fills memory. Only with a watch does it know when to stop. Answers are lines.
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'

const watch = process.argv[2]
const blocked = watch === 'isCanceled'
/** The same line as that of earlyoom: 10 % left. */
const resources = { memory: 90 }
const MB = 1_000_000
/** In MB per second: slow enough that the emulation keeps up. */
const RATE = 30
/** Less than the disk has and more than the machine has free. */
const FILE = 600

const say = (text) => writeSync(1, `${text}\n`)
let kept = []

/** Runs `body` with a function that says whether to stop, and returns whether that ever said so. */
const watches = {
  async none(body) {
    await body(() => false)
    return false
  },
  async event(body) {
    let over = false
    let ever = false
    const { guard } = await import('tripline')
    const watched = guard(resources)
    watched.on('breach', () => (over = ever = true))
    watched.on('clear', () => (over = false))
    await body(() => over)
    watched.close()
    return ever
  },
  async isCanceled(body) {
    const { Cancelable } = await import('tripline')
    let ever = false
    await Cancelable.run((cancel) => body(() => (ever ||= cancel.isCanceled)), { resources }).catch((error) => {
      if (!ever) throw error
    })
    return ever
  },
}

/** Lets the event loop turn, unless it is to stay blocked. */
const breathe = (time) => {
  if (!blocked) return time === undefined ? turn() : sleep(time)
  for (const end = Date.now() + (time ?? 0); Date.now() < end;);
  return undefined
}

async function cache(isOver) {
  const block = Buffer.alloc(MB, 1)
  const file = openSync('/var/tmp/cached', 'w+')
  for (let at = 0; at < FILE; at++) {
    writeSync(file, block)
    if (at % 50 === 49) fsyncSync(file)
    isOver()
    if (!blocked) await turn()
  }
  for (let at = 0; at < FILE; at++) {
    readSync(file, block, 0, MB, at * MB)
    isOver()
    if (!blocked) await turn()
  }
  closeSync(file)
}

async function fill(isOver) {
  const begun = Date.now()
  for (let filled = 0; !isOver();) {
    if (filled > ((Date.now() - begun) / 1000) * RATE) {
      const wait = breathe(5)
      if (wait !== undefined) await wait
      continue
    }
    const bytes = new Uint8Array(MB)
    for (let at = 0; at < MB; at += 4096) bytes[at] = 1
    kept.push(bytes)
    filled++
    if (!blocked) await turn()
  }
}

let known
const requests = {
  keep: (text) => {
    known = text
    return 'kept'
  },
  /** What it was given before: another process would not know. */
  known: () => known,
  cache: async () => `alarm ${await watches[watch](cache)}`,
  fill: async () => {
    await watches[watch](fill)
    const filled = kept.length
    // The operation has ended, and with it what it used.
    kept = []
    globalThis.gc()
    return `stopped ${filled}`
  },
}

say('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const [request, argument] = line.split(' ')
  say(await requests[request](argument))
}
