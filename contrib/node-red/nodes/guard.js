/** The guard node: messages pass while its limits are clear, and are held, dropped or thinned while one is crossed. */
'use strict'

const { serveMetrics } = require('../lib/endpoint')
const { choice, limits, number, text } = require('../lib/fields')
const { Gate } = require('../lib/gate')
const { fail, library, messageOf, shortStatus } = require('../lib/library')
const { Release } = require('../lib/release')

/** How often the status may change, so that a flood of messages is not a flood of statuses. */
const STATUS_MS = 250
/** The end of a missing metric is no event, so the node looks for it. */
const MISSING_MS = 1000

function readSettings(config) {
  return {
    limits: limits(config.limits, choice(config.onMissing, 'Missing metric', ['throw', 'breach', 'ignore'])),
    options: {
      mode: choice(config.mode, 'Breached', ['any', 'all']),
      minHold: text(config.minHold) ?? 0,
      name: text(config.name),
    },
    gate: {
      policy: choice(config.policy, 'While breached', ['hold', 'drop', 'every', 'interval']),
      capacity: number(config.capacity, 'Queue', { min: 1, max: 100_000, otherwise: 100, whole: true }),
      every: number(config.every, 'One in', { min: 1, max: 1_000_000, otherwise: 10, whole: true }),
      interval: number(config.interval, 'Seconds', { min: 0.001, max: 86_400, otherwise: 1 }) * 1000,
    },
    rate: number(config.rate, 'Rate', { min: 0.01, max: 10_000, otherwise: 50 }),
  }
}

class GuardedGate {
  #node
  #describe
  #guard
  #gate
  #release
  #statusTimer
  #missingTimer
  #missing = ''
  #breachedAt = 0
  #breaches = 0

  constructor(node, config) {
    const { describeBreach, guard } = library()
    const settings = readSettings(config)
    this.#node = node
    this.#describe = describeBreach
    this.#gate = new Gate(settings.gate)
    this.#release = new Release(settings.rate, (count) => this.#pass(count))
    this.#guard = guard(settings.limits, settings.options)
    this.#guard.on('breach', () => this.#onBreach())
    this.#guard.on('clear', () => this.#onClear())
    this.#guard.on('unavailable', (error) => this.#onMissing(error))
    this.#show()
  }

  take(msg, send, done) {
    // As in Node-RED's own delay node.
    if (Object.hasOwn(msg, 'reset')) {
      this.#finish(this.#gate.release(Infinity))
      this.#showSoon()
      done()
      return
    }
    const breached = this.#guard.isBreached
    this.#countBreaches()
    const verdict = this.#gate.accept({ msg, send, done }, breached, performance.now())
    if (verdict === 'swap') this.#pass(1)
    if (verdict === 'pass') send([msg, null])
    if (verdict === 'pass' || verdict === 'drop') done()
    // Also where a metric went missing during a breach, which is not followed by a clear event.
    if (!breached && this.#gate.held > 0) this.#release.start()
    if (breached || verdict !== 'pass') this.#showSoon()
  }

  close() {
    this.#guard.close()
    this.#release.stop()
    clearTimeout(this.#statusTimer)
    clearInterval(this.#missingTimer)
    this.#gate.release(Infinity)
  }

  #pass(count) {
    for (const { msg, send, done } of this.#gate.release(count)) {
      send([msg, null])
      done()
    }
    this.#showSoon()
    return this.#gate.held > 0
  }

  #finish(items) {
    for (const { done } of items) done()
  }

  #onBreach() {
    this.#release.stop()
    this.#found()
    this.#countBreaches()
    this.#report('breach', this.#guard.latestBreaches)
  }

  /** The state of the guard is ahead of its events, so messages may be held or dropped before the event `breach`. */
  #countBreaches() {
    if (this.#guard.breachCount === this.#breaches) return
    this.#breaches = this.#guard.breachCount
    this.#gate.start()
    this.#breachedAt = performance.now()
  }

  #onClear() {
    this.#found()
    this.#report('clear', this.#guard.latestBreaches, { duration: performance.now() - this.#breachedAt })
    if (this.#gate.held > 0) this.#release.start()
  }

  #onMissing(error) {
    this.#missing = messageOf(error)
    this.#missingTimer ??= setInterval(() => {
      if (this.#guard.state === 'unavailable') return
      this.#found()
      this.#show()
    }, MISSING_MS)
    if (this.#gate.held > 0 && !this.#guard.isBreached) this.#release.start()
    this.#report('unavailable', [], { message: this.#missing })
  }

  #found() {
    clearInterval(this.#missingTimer)
    this.#missingTimer = undefined
    this.#missing = ''
  }

  #report(event, breaches, more = {}) {
    const payload = {
      event,
      guard: this.#guard.name,
      breaches: breaches.map((breach) => this.#evidence(breach)),
      held: this.#gate.held,
      dropped: this.#gate.dropped,
      ...more,
    }
    this.#node.send([null, { topic: event, payload }])
    this.#show()
  }

  #evidence(breach) {
    const { metric, selector, value, limit, direction, unit, origin } = breach
    return { metric, selector, value, limit, direction, unit, origin, text: this.#describe(breach) }
  }

  #showSoon() {
    this.#statusTimer ??= setTimeout(() => this.#show(), STATUS_MS)
  }

  #show() {
    clearTimeout(this.#statusTimer)
    this.#statusTimer = undefined
    const { held, dropped } = this.#gate
    const counts = [held > 0 && `${held} held`, dropped > 0 && `${dropped} dropped`].filter(Boolean)
    const [fill, state] = this.#state()
    this.#node.status({ fill, shape: 'ring', text: [state, ...counts].join(', ') })
  }

  #state() {
    const [breach] = this.#guard.breaches
    if (this.#guard.isBreached) return ['red', breach === undefined ? 'breached' : shortStatus(this.#describe(breach))]
    if (this.#missing !== '') return ['grey', shortStatus(this.#missing)]
    return this.#gate.held > 0 ? ['yellow', 'clear, releasing'] : ['green', 'clear']
  }
}

module.exports = function registerGuard(RED) {
  serveMetrics(RED)
  RED.nodes.registerType('tripline-guard', function GuardNode(config) {
    RED.nodes.createNode(this, config)
    let gate
    try {
      gate = new GuardedGate(this, config)
    } catch (error) {
      fail(this, error)
      return
    }
    this.on('input', (msg, send, done) => gate.take(msg, send, done))
    this.on('close', () => gate.close())
  })
}
