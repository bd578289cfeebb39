/** The run node: runs a command under limits for each message; nothing that it starts outlives the node. */
'use strict'

const { choice, number, text } = require('../lib/fields')
const { fail, library, messageOf, shortStatus } = require('../lib/library')

/** The lines of stderr that a result has: the last ones say why a command failed. */
const STDERR_LINES = 100
const STDERR_LINE = 1000
/** After so many lines the event loop takes its turn, so that the nodes behind keep up. */
const LINES_PER_TURN = 64
/** Node-RED waits 15 s for a node to close. */
const CLOSE_MS = 3000

function readSettings(config) {
  const settings = {
    command: text(config.command),
    args: Array.isArray(config.args) ? config.args : [],
    shell: config.shell === true,
    fromMessage: config.fromMessage === true,
    input: choice(config.input, 'Input', ['none', 'payload']),
    output: choice(config.output, 'Output', ['lines', 'whole']),
    most: number(config.most, 'At once', { min: 1, max: 1000, otherwise: 10, whole: true }),
    options: readOptions(config),
  }
  if (settings.command === undefined && !settings.fromMessage) throw new TypeError('The node has no command')
  if (settings.shell && process.platform === 'win32') throw new TypeError('A shell is not offered on Windows')
  return settings
}

function readOptions(config) {
  const limits = {}
  const memory = text(config.memory)
  const cpu = text(config.cpu)
  if (memory !== undefined) limits['process.footprint'] = { above: memory }
  if (cpu !== undefined) limits['process.cpu'] = { above: cpu }
  const options = {
    limits: Object.keys(limits).length === 0 ? undefined : limits,
    timeout: text(config.timeout),
    idleOutput: text(config.silence),
    cpuShare: text(config.cpuShare),
    killAfter: text(config.killAfter),
    cwd: text(config.cwd),
  }
  return Object.fromEntries(Object.entries(options).filter(([, given]) => given !== undefined))
}

class Commands {
  #RED
  #node
  #library
  #settings
  #running = new Set()
  #closed = false

  constructor(RED, node, config) {
    this.#RED = RED
    this.#node = node
    this.#library = library()
    this.#settings = readSettings(config)
    this.#show({ fill: 'grey', shape: 'ring', text: 'idle' })
    void this.#checkOptions()
  }

  take(msg, send, done) {
    // Node-RED removes the listener only after the node is closed, and nothing would end this command.
    if (this.#closed) {
      done()
      return undefined
    }
    if (msg.stop === true) {
      this.#stop('stopped by a message')
      done()
      return undefined
    }
    return this.#run(msg, send, done)
  }

  async close() {
    this.#closed = true
    this.#stop('the flow was stopped')
    const killer = setTimeout(() => {
      for (const each of this.#running) each.kill()
    }, CLOSE_MS)
    await Promise.all([...this.#running].map(({ ended }) => ended))
    clearTimeout(killer)
  }

  /** Wrong options show when the flow is deployed, not with the first message: a canceled run checks them and starts nothing. */
  async #checkOptions() {
    const token = new this.#library.CancelationToken()
    token.cancel('only a check')
    try {
      await this.#library.run(process.execPath, [], { ...this.#settings.options, token })
    } catch (error) {
      if (this.#closed || error instanceof this.#library.CancelationError) return
      this.#show({ fill: 'red', shape: 'ring', text: messageOf(error) })
      this.#node.error(error)
    }
  }

  #stop(why) {
    for (const { token } of this.#running) token.cancel(why)
  }

  async #run(msg, send, done) {
    const job = { token: new this.#library.CancelationToken({ name: 'Node-RED' }), kill: () => undefined }
    job.ended = new Promise((resolve) => {
      job.end = resolve
    })
    try {
      const most = this.#settings.most
      if (this.#running.size >= most) throw new Error(`Not started: ${most} commands of this node run already`)
      const [command, args] = this.#commandOf(msg)
      const input = this.#inputOf(msg)
      this.#running.add(job)
      this.#show({ fill: 'blue', shape: 'dot', text: `${this.#running.size} running` })
      const result = await this.#runCommand(job, command, args, input, msg, send)
      if (!this.#closed) this.#report(result, msg, send)
      done()
    } catch (error) {
      this.#running.delete(job)
      if (!this.#closed) {
        this.#show({ fill: 'red', shape: 'ring', text: messageOf(error) })
        send([null, null, this.#copy(msg, { message: messageOf(error), code: error?.code })])
      }
      done(error)
    } finally {
      this.#running.delete(job)
      job.end()
    }
  }

  async #runCommand(job, command, args, input, msg, send) {
    const { options, output } = this.#settings
    const whole = output === 'whole'
    const running = this.#library.run(command, args, {
      ...options,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(input !== undefined && { input }),
      ...(whole && { capture: true }),
      overflow: 'truncate',
      token: job.token,
      onEvent: (event) => {
        if (event.kind === 'started') job.kill = () => event.command.kill()
      },
    })
    const tail = []
    // Both streams fail only together with the command, which reports it.
    const reading = whole
      ? []
      : [this.#sendLines(running.lines('stdout'), msg, send), keepTail(running.lines('stderr'), tail)]
    const [result] = await Promise.all([running, ...reading])
    if (whole && !this.#closed) send([this.#copy(msg, result.stdout), null, null])
    return { ...result, stderr: whole ? result.stderr : tail.join('\n') }
  }

  async #sendLines(lines, msg, send) {
    let count = 0
    for await (const line of lines) {
      if (this.#closed) continue
      send([this.#copy(msg, line), null, null])
      if (++count % LINES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #report(result, msg, send) {
    const { command, args, pid, status, code, signal, duration, cpuTime, killed, truncated, peaks, stderr } = result
    const reason = result.reason && { kind: result.reason.kind, message: result.reason.message }
    const figures = {
      command,
      args,
      pid,
      status,
      code,
      signal,
      reason,
      duration,
      cpuTime,
      killed,
      truncated,
      peaks,
      stderr,
    }
    const summary = reason?.message ?? `status ${status}`
    send([null, this.#copy(msg, figures), null])
    if (status !== 0) send([null, null, this.#copy(msg, { message: summary, ...figures })])
    this.#show({ fill: status === 0 ? 'green' : 'red', shape: 'ring', text: summary })
  }

  #commandOf(msg) {
    const { command, shell, fromMessage } = this.#settings
    let line = command
    let args = this.#settings.args.flatMap((each) => this.#argumentOf(each, msg))
    if (msg.command !== undefined) {
      // Running another command than the one that the message names would be worse than an error.
      if (!fromMessage) throw new TypeError('msg.command is not allowed by the settings of this node')
      if (typeof msg.command !== 'string' || msg.command === '') throw new TypeError('msg.command must be a text')
      line = msg.command
      if (!Array.isArray(msg.args ?? [])) throw new TypeError('msg.args must be an array of texts and numbers')
      args = this.#argumentOf({ type: 'msg', value: 'args' }, { args: msg.args ?? [] })
    }
    if (line === undefined) throw new TypeError('The node has no command, and the message has no msg.command')
    // The arguments are $1, $2 and so on: the shell does not read them as code.
    return shell ? ['/bin/sh', ['-c', line, 'sh', ...args]] : [line, args]
  }

  #argumentOf(each, msg) {
    if (each?.type !== 'msg') return [String(each?.value ?? '')]
    const found = this.#RED.util.getMessageProperty(msg, each.value)
    const words = Array.isArray(found) ? found : [found]
    for (const word of words) {
      if (!['string', 'number', 'boolean'].includes(typeof word)) {
        throw new TypeError(`msg.${each.value} must be a text, a number or an array of these to be an argument`)
      }
    }
    return words.map(String)
  }

  #inputOf({ payload }) {
    if (this.#settings.input === 'none') return undefined
    if (typeof payload === 'string' || payload instanceof Uint8Array) return payload
    const json = JSON.stringify(payload)
    if (json === undefined) throw new TypeError('msg.payload is missing, so the command has no input')
    return json
  }

  #copy(msg, payload) {
    return { ...this.#RED.util.cloneMessage({ ...msg, payload: undefined }), payload }
  }

  #show(status) {
    if (!this.#closed) this.#node.status({ ...status, text: shortStatus(status.text) })
  }
}

async function keepTail(lines, tail) {
  for await (const line of lines) {
    tail.push(line.slice(0, STDERR_LINE))
    if (tail.length > STDERR_LINES) tail.shift()
  }
}

module.exports = function registerRun(RED) {
  RED.nodes.registerType('tripline-run', function RunNode(config) {
    RED.nodes.createNode(this, config)
    let commands
    try {
      commands = new Commands(RED, this, config)
    } catch (error) {
      fail(this, error)
      return
    }
    this.on('input', (msg, send, done) => commands.take(msg, send, done))
    this.on('close', async (done) => {
      await commands.close()
      done()
    })
  })
}
