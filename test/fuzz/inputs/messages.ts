/**
 * Messages from a broker: to the device of the MQTT recipe, and to the nodes of Node-RED. Both are programs for other packages,
 * which are replaced by stand-ins.
 */
import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { compileFunction } from 'node:vm'
import { parseLimits, type Limits } from '../../../src/monitor/limits.js'
import { attempt, isPlain, parseJson, Parts, require } from './check.js'

const root = process.cwd()
const AsyncFunction = (async () => undefined).constructor as FunctionConstructor

// ---- the recipe

class Client extends EventEmitter {
  publish(): void {}
  subscribe(): void {}
  end(): void {}
}

const client = new Client()
const printed: string[] = []
let cancels: unknown[] = []

class Job {
  run(): Promise<void> {
    return new Promise(() => undefined)
  }
  cancel(reason: unknown): void {
    cancels.push(reason)
  }
}

/** The recipe without its imports, whose names are parameters. Its job never ends. */
function startDevice(): void {
  const text = readFileSync(join(root, 'examples/recipes/mqtt-fleet.js'), 'utf8').replaceAll(/^import .*$/gm, '')
  const given = {
    randomUUID: () => 'id',
    mqtt: { connect: () => client },
    Cancelable: Job,
    customReason: (message: string) => message,
    guard: () => ({ on: () => undefined, close: () => undefined }),
    console: { log: (line: string) => printed.push(line), error: (line: string) => printed.push(line) },
    process: { env: { DEVICE: 'pump-7' }, once: () => undefined },
  }
  void (AsyncFunction(...Object.keys(given), text) as (...all: unknown[]) => Promise<void>)(...Object.values(given))
}

let isStarted = false

/** A retained flag, a topic, and a payload. */
export function mqtt(input: Uint8Array): void {
  if (!isStarted) startDevice()
  isStarted = true
  const parts = new Parts(input)
  const retain = parts.number(1) === 1
  const topic = parts.number(3) > 0 ? 'fleet/pump-7/cancel' : parts.text()
  const payload = parts.rest()
  printed.length = 0
  cancels = []
  client.emit('message', topic, payload, { retain })
  for (const line of printed) require(isPlain(line) && !line.includes('\n'), `it prints ${JSON.stringify(line)}`)
  if (cancels.length === 0) return
  const { data } = (parseJson(payload.toString()) ?? {}) as { readonly data?: { readonly job?: unknown } }
  require(!retain && topic === 'fleet/pump-7/cancel' && payload.length <= 4096, 'a message that is no order cancels')
  require(data?.job === 'mix' && cancels.length === 1, 'another job is canceled')
  const [reason] = cancels as [string]
  require(reason.length <= 200 && isPlain(reason) && !reason.includes('\n'), `the reason ${JSON.stringify(reason)}`)
}

// ---- Node-RED

const contrib = createRequire(join(root, 'contrib/node-red/nodes/run.js'))
const { limits: readLimits } = contrib('../lib/fields') as {
  limits: (rows: unknown, onMissing: string) => Limits
}

/** The rows of a guard's editor, from a flow that may come from anywhere. */
export function rows(input: Uint8Array): void {
  const given = parseJson(Buffer.from(input).toString())
  let limits: Limits
  try {
    limits = readLimits(given, 'ignore')
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error
    require(error.message !== '' &&
      !/undefined|is not a function|Cannot (?:read|convert)/.test(error.message), error.message)
    return
  }
  const parsed = attempt(() => parseLimits(limits))
  const conditions = parsed?.conditions ?? []
  require(conditions.length === 0, 'a flow brings code')
}

interface Started {
  readonly command: string
  readonly args: readonly unknown[]
  readonly input: unknown
}

class Token {
  cancel(): void {}
}

class RedNode extends EventEmitter {
  errors: unknown[] = []
  status(): void {}
  error(error: unknown): void {
    this.errors.push(error)
  }
}

let starts: Started[] = []

/** The library as the run node has it, which starts nothing. */
const startNothing = (): object => ({
  CancelationToken: Token,
  CancelationError: Error,
  run: (command: string, args: readonly unknown[], options: { input?: unknown; token: Token }) => {
    starts.push({ command, args, input: options.input })
    return Object.assign(Promise.resolve({ command, args, status: 0, stdout: '', stderr: '' }), {
      lines: async function* () {},
    })
  },
})

/** The module of the run node, with a library that starts nothing. */
function registerRun(): (config: unknown) => RedNode {
  const text = readFileSync(join(root, 'contrib/node-red/nodes/run.js'), 'utf8')
  const real = contrib('../lib/library') as object
  const load = (name: string): unknown =>
    name === '../lib/library' ? { ...real, library: startNothing } : contrib(name)
  const module = { exports: undefined as unknown as (RED: object) => void }
  compileFunction(text, ['require', 'module'])(load, module)
  let Made: (this: RedNode, config: unknown) => void
  const util = {
    getMessageProperty: (message: Record<string, unknown>, path: string) => message[path],
    cloneMessage: (message: object) => structuredClone(message),
  }
  module.exports({
    util,
    nodes: { createNode: () => undefined, registerType: (_: string, type: typeof Made) => (Made = type) },
  })
  return (config) => {
    const node = new RedNode()
    Made.call(node, config)
    return node
  }
}

let make: ((config: unknown) => RedNode) | undefined

/** A message to a run node, as JSON. The command of the node is fixed unless its settings allow another one. */
export async function runMessage(input: Uint8Array): Promise<void> {
  make ??= registerRun()
  const parts = new Parts(input)
  const fromMessage = parts.number(1) === 1
  const shell = parts.number(1) === 1
  const given = parseJson(parts.rest().toString())
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return
  const message = given as { command?: unknown; args?: unknown; payload?: unknown; stop?: unknown }
  const node = make({
    command: 'fixed',
    shell,
    fromMessage,
    input: 'payload',
    output: 'whole',
    args: [
      { type: 'str', value: '--' },
      { type: 'msg', value: 'payload' },
    ],
  })
  await Promise.resolve()
  starts = []
  let ends = 0
  await new Promise<void>((resolve) => {
    node.emit(
      'input',
      message,
      () => undefined,
      () => {
        ends++
        resolve()
      },
    )
  })
  require(ends === 1, `${ends} ends of one message`)
  for (const { command, args } of starts) {
    const wanted = fromMessage && message.command !== undefined ? message.command : 'fixed'
    require(shell
      ? command === '/bin/sh' && args[0] === '-c' && args[1] === wanted
      : command === wanted, `it runs ${command}`)
    require(args.every((each) => typeof each === 'string'), 'an argument is no text')
  }
  if (message.stop === true) require(starts.length === 0, 'a message that stops starts a command')
  node.emit('close', () => undefined)
}
