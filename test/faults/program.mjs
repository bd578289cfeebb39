// Uses everything once, part by part, and prints how each part has ended, as a line of JSON. Each part checks its own result: a
// fault may cause an error with a code, or make no difference, but no wrong result and no silence.
// Usage: node program.mjs <package folder> <empty folder> [part...]
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

const [checkout, folder, ...only] = process.argv.slice(2)
const { Cancelable, capabilities, every, guard, lastRun, preemption, record, reserve, run, sample, samples, watchdog } =
  await import(pathToFileURL(`${checkout}/dist/index.js`).href)

/** Longer than anything here takes on a busy machine. */
const LIMIT = 60_000

function require(condition, what) {
  if (!condition) throw new Error(`WRONG: ${what}`)
}

/** Whether a guard that has to be breached is, or has said why not. */
function verdict(watched) {
  return new Promise((resolve, reject) => {
    watched.on('unavailable', reject)
    watched.on('breach', resolve)
    if (watched.isBreached) resolve()
    if (watched.state === 'unavailable') reject(Object.assign(new Error('unavailable'), { code: 'UNAVAILABLE' }))
  })
}

const PARTS = {
  // The machine and this process use more than this.
  async guard() {
    for (const limits of [{ memory: 0.01 }, { 'process.rss': '1MB' }, { 'disk.free': { above: 1 } }]) {
      const watched = guard(limits, { within: 20 })
      try {
        await verdict(watched)
      } finally {
        watched.close()
      }
    }
  },
  async rates() {
    const watched = guard({ 'process.cpu': { above: 0.001, for: 0 } }, { within: 20 })
    const busy = setInterval(() => {
      for (const until = performance.now() + 20; performance.now() < until;);
    }, 25)
    try {
      await verdict(watched)
    } finally {
      clearInterval(busy)
      watched.close()
    }
  },
  async pressure() {
    const watched = guard(
      { 'pressure.cpu': { above: 100, onMissing: 'ignore' }, memory: { above: 100, onMissing: 'ignore' } },
      { within: '10s' },
    )
    await delay(50)
    require(!watched.isBreached || watched.breaches.length > 0, 'breached without evidence')
    watched.close()
  },
  async sample() {
    const wanted = ['memory', 'process.rss', 'process.threads', 'cpu']
    const values = await sample(wanted)
    for (const each of wanted) {
      const found = values.get(each)
      const why = capabilities().find(({ metric }) => metric === each)
      require(found === undefined || Number.isFinite(found.value), `${each} is ${found?.value}`)
      require(found !== undefined || each === 'cpu' || !why.available || why.reason !== '', `${each} is silent`)
    }
    const rss = values.get('process.rss')?.value
    require(rss === undefined || (rss > 1e6 && rss < 1e11), `process.rss is ${rss}`)
  },
  async stream() {
    let count = 0
    for await (const each of samples({ metrics: ['process.rss', 'eventLoop.delay'], interval: 10 })) {
      const found = each.get('process.rss')
      require(found === undefined || found.value > 1e6, `process.rss is ${found?.value}`)
      if (++count === 3) break
    }
    require(count === 3, `${count} items`)
  },
  async blocks() {
    let count = 0
    for await (const block of samples({ metrics: ['process.rss'], interval: 1, batch: 10 })) {
      require(block.at.length > 0, 'an empty block')
      if (++count === 2) break
    }
  },
  async ticker() {
    let beats = 0
    let enough
    const over = new Promise((resolve) => (enough = resolve))
    const ticker = every(2, () => {
      if (++beats === 5) enough()
    })
    await Promise.race([over, ticker.done])
    await ticker.close()
    require(beats >= 5, `${beats} beats`)
  },
  async realTime() {
    let enough
    const over = new Promise((resolve) => (enough = resolve))
    const ticker = every(2, () => enough(), { realTime: true })
    await Promise.race([over, ticker.done])
    require(typeof ticker.stats.scheduling.realTime === 'boolean', 'no scheduling')
    await ticker.close()
  },
  async command() {
    const result = await run('sh', ['-c', 'exit 3'])
    require(result.code === 3, `code ${result.code}, signal ${result.signal}`)
  },
  async unknown() {
    await run('no-such-command-anywhere').then(
      () => require(false, 'a command that does not exist ran'),
      (error) => require(typeof error.code === 'string', `no code: ${error}`),
    )
  },
  async ended() {
    const result = await run('sh', ['-c', 'sleep 60 & sleep 60'], { timeout: 200, killAfter: 200 })
    require(result.reason?.kind === 'timeout', `reason ${result.reason?.kind}, code ${result.code}`)
  },
  async limited() {
    const result = await run('sleep', ['60'], {
      limits: { 'process.rss': 1 },
      killAfter: 200,
      timeout: '15s',
    })
    require(result.reason?.kind === 'resource', `reason ${result.reason?.kind}, code ${result.code}`)
  },
  async recorder() {
    const file = path.join(folder, 'recording')
    const recording = record({ file, interval: 100 })
    await delay(250)
    const problem = recording.problem
    recording.close()
    const last = lastRun(file)
    require(last !== undefined || problem !== undefined, 'no recording')
  },
  async reservation() {
    const reservation = await reserve({ memory: '1MB' }, { wait: '5s' })
    reservation.release()
  },
  async watchdog() {
    // The driver listens on NOTIFY_SOCKET.
    process.env.WATCHDOG_USEC = '1000000'
    const dog = watchdog({ eventLoop: '10s' })
    await dog.ready('ready')
    await delay(700)
    require(dog.state === 'feeding', `state ${dog.state}`)
    const { fed, failed } = dog.stats
    require(fed > 0 || failed > 0, 'neither fed nor failed')
    dog.close()
  },
  async region() {
    if (!preemption().available) return
    await Cancelable.run(
      (cancel) => {
        cancel.preemptible(() => {
          for (;;);
        })
      },
      { timeout: 50 },
    ).then(
      () => require(false, 'it completed'),
      (error) => require(error.reason?.kind === 'timeout' || typeof error.code === 'string', String(error)),
    )
  },
}

function print(line) {
  console.log(JSON.stringify(line))
}

let isStuck = false
const alive = setInterval(() => undefined, 1e6)
for (const [part, body] of Object.entries(PARTS)) {
  if (only.length > 0 && !only.includes(part)) continue
  let timer
  const hang = new Promise((_, reject) => {
    timer = setTimeout(reject, LIMIT, new Error('HANG'))
  })
  try {
    await Promise.race([body(), hang])
    print({ part, ok: true })
  } catch (error) {
    isStuck ||= error.message === 'HANG'
    print({ part, ok: false, code: error.code, name: error.name, message: String(error.message) })
  } finally {
    clearTimeout(timer)
  }
}
clearInterval(alive)
print({ part: 'end', ok: true })
// What hangs may keep the process alive. Otherwise it ends by itself.
if (isStuck) process.exit()
