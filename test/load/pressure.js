// Pressure by stress-ng, bounded in time and size, and readings of the machine that do not come from this library.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

/** stress-ng ends by itself after this, in seconds, also if this process is killed. */
const LONGEST = 60

/** A process that runs stress-ng from `start()` to `stop()`. It is there before and after, so that it can be watched. */
export class Pressure {
  #child
  #ended

  constructor(words, cwd) {
    const command = ['stress-ng', '--quiet', '--timeout', `${LONGEST}s`, ...words]
    // The shell stays when stress-ng is ended.
    const script = 'trap : TERM; read -r line; "$@"; while read -r line; do :; done'
    this.#child = spawn('sh', ['-c', script, 'sh', ...command], {
      cwd,
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    this.#ended = once(this.#child, 'exit')
    this.#child.stdin.on('error', () => undefined)
  }

  get pid() {
    return this.#child.pid
  }

  start() {
    this.#child.stdin.write('\n')
  }

  /** Ends stress-ng; the process stays. */
  stop() {
    this.#signal('SIGTERM')
  }

  #signal(signal) {
    const { pid, exitCode, signalCode } = this.#child
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, signal)
  }

  async close() {
    this.#child.stdin.end()
    this.#signal('SIGKILL')
    await this.#ended
  }
}

/** The numbers of a line of a kernel file. */
export function numbersOf(file, pattern) {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((each) => pattern.test(each))
  return [...(line ?? '').matchAll(/\d+/g)].map(Number)
}

/** The busy time and all time of the machine, in ticks. */
function processorTime() {
  // Guest time is part of user time.
  const [user, nice, system, idle, wait, irq, soft, steal] = numbersOf('/proc/stat', /^cpu /)
  const busy = user + nice + system + irq + soft + steal
  return { busy, all: busy + idle + wait }
}

/** How many of the machine's processors are busy, in percent, over so many milliseconds. */
export async function busyShare(wait) {
  const before = processorTime()
  await wait()
  const after = processorTime()
  return (100 * (after.busy - before.busy)) / (after.all - before.all)
}

export const availableMemory = () => numbersOf('/proc/meminfo', /^MemAvailable/)[0] * 1024

/** The total of what some task waited for the disk, in milliseconds. */
const ioStall = () => Number(/^some .* total=(\d+)/.exec(readFileSync('/proc/pressure/io', 'utf8'))?.[1]) / 1000

function childrenOf(pid) {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

/** The processor time of a process and of its descendants, in milliseconds; the clock has 100 Hz. */
function treeTime(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
    // With the time of children that have ended.
    const own = fields.slice(11, 15).reduce((sum, each) => sum + Number(each), 0) * 10
    return childrenOf(pid).reduce((sum, each) => sum + treeTime(each), own)
  } catch {
    // It has ended meanwhile.
    return 0
  }
}

/** Reads the machine five times per second, and keeps the extreme of what it saw. */
export class Witness {
  #extremes = {}
  #timer
  #last
  #pid

  constructor(pid) {
    this.#pid = pid
    this.#last = this.#read()
    this.#timer = setInterval(() => this.#look(), 200)
  }

  #read() {
    const now = performance.now()
    let stall = NaN
    try {
      stall = ioStall()
    } catch {
      // This kernel has no pressure.
    }
    return { now, stall, processor: processorTime(), tree: treeTime(this.#pid) }
  }

  #look() {
    const read = this.#read()
    this.#least('memory.available', availableMemory())
    // Shares over at least half a second.
    const last = this.#last
    const time = read.now - last.now
    if (time < 500) return
    this.#last = read
    this.#most('cpu', (100 * (read.processor.busy - last.processor.busy)) / (read.processor.all - last.processor.all))
    this.#most('pressure.io', (100 * (read.stall - last.stall)) / time)
    this.#most('process.cpu', (100 * (read.tree - last.tree)) / time)
  }

  #most(metric, value) {
    if (value > (this.#extremes[metric] ?? -Infinity)) this.#extremes[metric] = value
  }

  #least(metric, value) {
    if (value < (this.#extremes[metric] ?? Infinity)) this.#extremes[metric] = value
  }

  /** What it saw: the largest shares, and the least memory. */
  get extremes() {
    return this.#extremes
  }

  /**
   * Whether it has seen a metric beyond a limit, or close to it: it does not read in the same moments. A metric that it does not
   * read is not confirmed.
   */
  confirms({ metric, limit, direction }) {
    const seen = this.#extremes[metric]
    if (seen === undefined) return false
    return direction === 'above' ? seen > limit * 0.8 : seen < limit * 1.1
  }

  close() {
    clearInterval(this.#timer)
  }
}
