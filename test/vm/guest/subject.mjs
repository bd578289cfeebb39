// A process that uses tripline and runs the functions of a scenario, one per line on stdin. Answers and events are lines
// of JSON on stdout.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

// Uses require(), because some scenarios run this file where imports are not available.
const tripline = createRequire(import.meta.url)('tripline')

const send = (message) => process.stdout.write(`${JSON.stringify(message)}\n`)

function plain(breach) {
  const { metric, value, limit, direction, origin, at } = breach
  return { metric, value, limit, direction, origin, at }
}

const defined = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))

/** Starts a command that ends with this process. */
function launch(command) {
  return spawn('setpriv', ['--pdeathsig', 'KILL', ...command], { stdio: 'ignore' })
}

const helpers = {
  tripline,
  guards: {},
  kept: [],
  children: new Map(),
  pause: (time) => new Promise((done) => setTimeout(done, time)),

  async value(query) {
    try {
      const wanted = typeof query === 'string' ? { metric: query } : query
      const { metric, path, zone, pid, tree } = wanted
      const known = (await tripline.sample(wanted)).get(metric, defined({ path, zone, pid, tree }))
      return { value: known?.value }
    } catch (error) {
      return { unavailable: error.message, code: error.code }
    }
  },

  watch(name, limits, options) {
    const guard = tripline.guard(limits, options ?? {})
    helpers.guards[name] = guard
    guard.on('breach', (breach) => send({ event: 'breach', guard: name, ...plain(breach) }))
    guard.on('clear', () => send({ event: 'clear', guard: name }))
    guard.on('unavailable', (error) => send({ event: 'unavailable', guard: name, why: error.message }))
    return guard.state
  },

  /**
   * Starts a command in this process's own group and kills it when the guard is breached. Returns what ended it: `us`,
   * `kernel` (recognized by SIGKILL) or `itself`.
   */
  endAtBreach(name, command) {
    const guard = helpers.guards[name]
    const child = launch(command)
    return new Promise((done) => {
      let ours = false
      guard.on('breach', () => {
        if (child.exitCode === null && child.signalCode === null) ours = child.kill('SIGKILL')
      })
      child.once('exit', (code, signal) => {
        let by = 'itself'
        if (signal === 'SIGKILL') by = ours ? 'us' : 'kernel'
        done({ by, code, signal, breach: guard.latestBreaches[0] && plain(guard.latestBreaches[0]) })
      })
    })
  },

  /** Allocates and touches `size` bytes. */
  keep(size) {
    for (let held = 0; held < size; held += 10e6) helpers.kept.push(Buffer.alloc(Math.min(10e6, size - held), 1))
  },

  start(command) {
    const child = launch(command)
    helpers.children.set(child.pid, child)
    return child.pid
  },

  hasEnded(pid) {
    const child = helpers.children.get(pid)
    return child.exitCode !== null || child.signalCode !== null
  },

  /** Samples for a while and returns all values by metric. */
  async collect(metrics, count, interval = '250ms') {
    const seen = Object.fromEntries(metrics.map((metric) => [metric, []]))
    for await (const snapshot of tripline.samples({ metrics, interval })) {
      for (const metric of metrics) {
        const known = snapshot.get(metric)
        if (known !== undefined) seen[metric].push(known.value)
      }
      if (--count <= 0) break
    }
    return seen
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, body, args } = JSON.parse(line)
  // oxlint-disable-next-line no-eval -- scenarios run on the host and send their functions as text
  const act = (0, eval)(`(${body})`)
  // Not awaited, because a later request may arrive while this one waits.
  Promise.resolve()
    .then(() => act(helpers, ...args))
    .then(
      (result) => send({ id, result: result ?? null }),
      (error) => send({ id, error: error.message, code: error.code }),
    )
}
