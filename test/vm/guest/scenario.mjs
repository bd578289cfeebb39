// Functions for scenarios. Each assertion prints one line of JSON to stdout, which the host reads.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const cgroups = '/sys/fs/cgroup'
export const bin = fileURLToPath(new URL('../bin', import.meta.url))
export const MB = 1e6
export const MiB = 2 ** 20

/** The time limit of every wait, far longer than needed, so that only events that never come fail. */
const BOUND = 300_000

const started = new Set()

function report(what, holds, seen) {
  console.log(JSON.stringify({ what, holds, seen: typeof seen === 'string' ? seen : JSON.stringify(seen) }))
  return holds
}

/** Asserts that `holds` is true; `seen` is printed beside it. */
export const check = (what, holds, seen) => report(what, Boolean(holds), seen)

export const equal = (what, actual, expected) =>
  report(what, Object.is(actual, expected), `${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`)

/** Asserts that a number is within `slack` of another. */
export const near = (what, actual, expected, slack) =>
  report(what, Math.abs(actual - expected) <= slack, `${actual}, expected ${expected} +-${slack}`)

export const between = (what, actual, low, high) =>
  report(what, actual >= low && actual <= high, `${actual}, expected ${low} to ${high}`)

export const pause = (time) => new Promise((done) => setTimeout(done, time))

/** Waits until `condition` returns a truthy value and returns that; undefined after the time limit. */
export async function poll(condition, bound = BOUND) {
  const end = performance.now() + bound
  for (;;) {
    const seen = await condition()
    if (seen) return seen
    if (performance.now() > end) return undefined
    await pause(200)
  }
}

/** Asserts that `condition` becomes true. If it does not, the result of `look` is printed. */
export async function comes(what, condition, look = async () => {}, bound = BOUND) {
  const seen = await poll(condition, bound)
  report(what, seen !== undefined, seen === undefined ? await Promise.resolve(look()) : undefined)
  return seen
}

export function read(path) {
  return readFileSync(path, 'utf8').trim()
}

export function write(path, value) {
  writeFileSync(path, String(value))
}

/** A file of lines `name number`, as cpu.stat and memory.events are. */
export function table(path) {
  return Object.fromEntries(
    read(path)
      .split('\n')
      .map((line) => line.split(/[\s:]+/))
      .map(([name, value]) => [name, Number(value)]),
  )
}

/** Makes a control group, with the controllers for its children, and sets its files. */
export function group(path, settings = {}) {
  const parts = path.split('/')
  for (let depth = 0; depth < parts.length; depth++) {
    const parent = [cgroups, ...parts.slice(0, depth)].join('/')
    for (const each of ['memory', 'cpu', 'pids', 'cpuset', 'io']) {
      try {
        write(`${parent}/cgroup.subtree_control`, `+${each}`)
      } catch {
        // The kernel lacks the controller, or the group contains processes. Setting a file of the controller then fails.
      }
    }
    const folder = `${parent}/${parts[depth]}`
    if (!existsSync(folder)) mkdirSync(folder)
  }
  const folder = `${cgroups}/${path}`
  for (const [file, value] of Object.entries(settings)) write(`${folder}/${file}`, value)
  return folder
}

/** The headroom below a group's limit, as docs/metrics.md defines it, read from the kernel's own files. */
export function headroom(folder, kept = 0) {
  const stat = table(`${folder}/memory.stat`)
  const cache = Math.max(0, stat.inactive_file + stat.active_file - stat.file_dirty - stat.file_writeback - kept)
  const used = Number(read(`${folder}/memory.current`)) - cache - stat.slab_reclaimable
  return Math.max(0, Number(read(`${folder}/memory.max`)) - Math.max(0, used))
}

/** Makes the host send a QMP command to the emulator. */
export function machine(execute, args = {}) {
  console.log(JSON.stringify({ execute, arguments: args }))
}

/**
 * The words of a command line that runs `command` in a group, as a user, in namespaces of its own. The process joins the
 * group first, so that a new cgroup namespace begins there.
 */
export function within({ group: folder, user, unshare, taskset, score = 0 } = {}, command = []) {
  const words = user === undefined ? [] : ['setpriv', '--reuid', user, '--regid', user, '--init-groups']
  if (unshare !== undefined) words.unshift('unshare', ...unshare)
  if (taskset !== undefined) words.unshift('taskset', '-c', taskset)
  const enter = folder === undefined ? '' : `echo $$ >${folder}/cgroup.procs && `
  return ['sh', '-c', `echo ${score} >/proc/self/oom_score_adj; ${enter}exec "$@"`, 'sh', ...words, ...command]
}

/** Starts a command and collects its output. */
export function start(command, place, options = {}) {
  const [program, ...args] = within(place, command)
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  child.output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => (child.output += String(data)))
  child.ended = new Promise((done) => {
    child.once('close', (code, signal) => done({ code, signal, output: child.output }))
    child.once('error', (error) => done({ code: -1, signal: null, output: error.message }))
  })
  started.add(child)
  return child
}

/** Runs a command to its end. */
export const finish = (command, place, options) => start(command, place, options).ended

/** Runs a command under `tripline run`; options and command are split at blanks. */
export const underLimits = (options, command, place) =>
  finish(['tripline', 'run', ...options.split(' '), '--', ...command.split(' ')], place)

/** Runs a shell command that must succeed. */
export async function shell(text) {
  const { code, output } = await finish(['sh', '-c', text])
  if (code !== 0) throw new Error(`${text}: ${code}: ${output.trim()}`)
  return output.trim()
}

/** A process that runs subject.mjs at the given place and follows the scenario's requests. */
export class Subject {
  events = []
  #child
  #answers = new Map()
  #next = 0

  static async start(place, { wrapper = [], env } = {}) {
    const subject = new Subject()
    const node = [...wrapper, process.execPath, fileURLToPath(new URL('subject.mjs', import.meta.url))]
    const [program, ...args] = within(place, node)
    subject.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } })
    started.add(subject.#child)
    subject.ended = new Promise((done) => {
      subject.#child.once('exit', (code, signal) => {
        subject.hasEnded = true
        for (const { reject } of subject.#answers.values()) reject(new Error(`the subject ended (${code ?? signal})`))
        done({ code, signal })
      })
    })
    subject.#child.stdin.on('error', () => {})
    createInterface({ input: subject.#child.stdout }).on('line', (line) => subject.#take(JSON.parse(line)))
    await subject.run(() => true)
    return subject
  }

  get pid() {
    return this.#child.pid
  }

  #take(message) {
    if (message.event !== undefined) {
      this.events.push(message)
      return
    }
    const { resolve, reject } = this.#answers.get(message.id)
    this.#answers.delete(message.id)
    if (message.error === undefined) resolve(message.result)
    else reject(Object.assign(new Error(message.error), { code: message.code }))
  }

  /** Runs a function in the subject, with the helpers of subject.mjs as its first argument; its result as JSON. */
  run(body, ...args) {
    const id = ++this.#next
    return new Promise((resolve, reject) => {
      this.#answers.set(id, { resolve, reject })
      this.#child.stdin.write(`${JSON.stringify({ id, body: body.toString(), args })}\n`)
    })
  }

  /** The value of a metric or query, with its origin, or the reason why it is unavailable. */
  value(query) {
    return this.run((t, wanted) => t.value(wanted), query)
  }

  /** Makes a guard whose events are reported under `name`. */
  guard(name, limits, options) {
    return this.run((t, ...all) => t.watch(...all), name, limits, options)
  }

  state(name) {
    return this.run((t, which) => t.guards[which].state, name)
  }

  /** The events of a guard so far. */
  of(name, event) {
    return this.events.filter((each) => each.guard === name && (event === undefined || each.event === event))
  }

  /** Asserts that a guard reports an event, other than the first `after` ones, and returns it. */
  comes(what, name, event, after = 0) {
    return comes(
      what,
      () => this.of(name, event)[after],
      async () => ({ events: this.of(name), ended: this.hasEnded ?? false }),
    )
  }

  signal(signal) {
    this.#child.kill(signal)
  }

  async end() {
    this.#child.kill('SIGKILL')
    await this.ended
  }
}

/** Counts the processes that the kernel has killed in a group. */
export const killsIn = (folder) => () => table(`${folder}/memory.events`).oom_kill

/** Counts the processes that the kernel has killed on the machine. */
export const killsOfMachine = () => table('/proc/vmstat').oom_kill

/**
 * Asserts that a guard ends a command that allocates `rate` MB per second, before the kernel has to kill it. `kills` counts
 * the kernel's kills. Returns the breach.
 */
export async function endsInTime(subject, guard, kills, { rate = 30, what = 'a command that takes memory' } = {}) {
  const before = kills()
  const { by, breach } = await subject.run((t, ...all) => t.endAtBreach(...all), guard, [
    `${bin}/hog`,
    String(rate),
    '3000',
    '60',
  ])
  equal(`${what} is ended by the guard`, by, 'us')
  const { value, limit, direction } = breach ?? {}
  check(`${what}: the breach proves it`, direction === 'above' ? value > limit && value <= 100 : value < limit, breach)
  equal(`${what}: the kernel has killed nothing`, kills() - before, 0)
  return breach
}

/** Writes a file and reads it inside the group, so that its page cache is charged there. */
export async function cacheFile(file, megabytes, folder) {
  await shell(`dd if=/dev/zero of=${file} bs=1M count=${megabytes} status=none; sync`)
  write('/proc/sys/vm/drop_caches', 3)
  await finish(['cat', file], { group: folder }, { stdio: ['ignore', 'ignore', 'ignore'] })
}

/**
 * Starts a process that records itself to `file`, at a place as of {@link within}, and runs `body` once it has recorded
 * some rows. `most()` takes most of a group's 200 MiB, `more()` some more, `later()` runs a function after more rows, and
 * `block()` waits as long with a blocked loop.
 */
export async function recorded(file, place, body) {
  const source = `
    import { guard, record } from 'tripline'
    record({ file: ${JSON.stringify(file)}, interval: 50, last: '10s' })
    const kept = []
    const more = () => kept.push(Buffer.alloc(4e6, 1))
    const most = () => kept.push(Buffer.alloc(11e7, 1))
    const later = (then) => setTimeout(then, 1000)
    const block = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
    setInterval(() => {}, 1e6)
    setTimeout(() => { console.log('recorded'); ${body} }, 1000)`
  await finish(['mkdir', '-p', dirname(file)])
  await finish(['chmod', '777', dirname(file)])
  const child = start([process.execPath, '--input-type=module', '-e', source], place, { cwd: '/app' })
  const isReady = () => child.output.includes('recorded') || child.exitCode !== null || child.signalCode !== null
  await comes(`${file} is recorded`, isReady, () => child.output)
  return { child, ended: child.ended }
}

/** What `tripline explain --json` says of a recording, as root or as a user. */
export async function verdictOf(file, place) {
  const { output } = await finish(['tripline', 'explain', '--json', file], place)
  try {
    return JSON.parse(output)
  } catch {
    return { end: output }
  }
}

/** Mounts the disk that was plugged in, and returns where. */
export async function mountSpare(isNew) {
  const size = 128e6 / 512
  const name = await comes('the kernel has the disk', () =>
    readdirSync('/sys/block').find((each) => read(`/sys/block/${each}/size`) === String(size)),
  )
  await shell(`mkdir -p /mnt/spare && ${isNew ? `mkfs.ext4 -q /dev/${name} && ` : ''}mount /dev/${name} /mnt/spare`)
  return '/mnt/spare'
}

/** Runs a scenario, and ends everything that it has started, unless `leaves` is set. */
export async function scenario(body, leaves = false) {
  try {
    await body()
  } catch (error) {
    report('comes to its end', false, error.stack)
  }
  if (!leaves) for (const child of started) child.kill('SIGKILL')
  // A call that is stuck in the kernel must not keep the process from exiting.
  process.exit(0)
}
