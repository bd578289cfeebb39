/** The metrics node: sends the newest values of metrics, for each message or by interval, and why some are missing. */
'use strict'

const { serveMetrics } = require('../lib/endpoint')
const { text } = require('../lib/fields')
const { fail, library, shortStatus } = require('../lib/library')

/** Faster than this, messages would be a load of their own. */
const SHORTEST_MS = 50
/** The longest delay of Node's timers. */
const LONGEST_MS = 2 ** 31 - 1

class Readings {
  #node
  #monitor
  #timer
  #idle
  #shown

  constructor(node, config) {
    const names = (Array.isArray(config.metrics) ? config.metrics : []).map(text).filter((name) => name !== undefined)
    if (names.length === 0) throw new TypeError('The node has no metric')
    const interval = text(config.interval)
    this.#node = node
    this.#monitor = library().monitor(names, { interval: interval ?? '1s', onMissing: 'ignore' })
    const period = this.#monitor.interval
    if (interval !== undefined && !(period >= SHORTEST_MS && period <= LONGEST_MS)) {
      this.#monitor.close()
      throw new RangeError(`The interval must be from ${SHORTEST_MS} ms to 24 days. Received '${interval}'`)
    }
    this.#idle = interval === undefined ? 'ready' : `every ${interval}`
    this.#show([])
    void this.#start(interval === undefined ? undefined : period)
  }

  /** The first message has the first values. */
  async #start(period) {
    try {
      await this.#monitor.ready
    } catch {
      return
    }
    if (this.#monitor.closed) return
    this.#show([...this.#monitor].filter(({ state }) => state !== 'known').map(({ text: name }) => name))
    if (period !== undefined) this.#timer = setInterval(() => this.#send({}, (msg) => this.#node.send(msg)), period)
  }

  async take(msg, send, done) {
    try {
      await this.#monitor.ready
    } catch {
      // Closed meanwhile: the message goes with its flow.
      return
    }
    this.#send(msg, send)
    done()
  }

  close() {
    clearInterval(this.#timer)
    this.#monitor.close()
  }

  #send(msg, send) {
    const known = []
    const units = []
    const missing = []
    for (const { text: name, state, value, unit, why } of this.#monitor) {
      if (state === 'known') known.push([name, value])
      else missing.push([name, why])
      units.push([name, unit])
    }
    // fromEntries defines properties, so no name can reach a prototype.
    msg.payload = Object.fromEntries(known)
    msg.units = Object.fromEntries(units)
    msg.missing = Object.fromEntries(missing)
    this.#show(missing.map(([name]) => name))
    send(msg)
  }

  /** Metrics come and go, as sensors on a cable do. */
  #show(missing) {
    const status =
      missing.length === 0
        ? { fill: 'green', shape: 'ring', text: this.#idle }
        : { fill: 'yellow', shape: 'ring', text: shortStatus(`missing: ${missing.join(', ')}`) }
    if (status.text === this.#shown) return
    this.#shown = status.text
    this.#node.status(status)
  }
}

module.exports = function registerMetrics(RED) {
  serveMetrics(RED)
  RED.nodes.registerType('tripline-metrics', function MetricsNode(config) {
    RED.nodes.createNode(this, config)
    let readings
    try {
      readings = new Readings(this, config)
    } catch (error) {
      fail(this, error)
      return
    }
    this.on('input', (msg, send, done) => readings.take(msg, send, done))
    this.on('close', () => readings.close())
  })
}
