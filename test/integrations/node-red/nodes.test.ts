/** The Node-RED nodes in a runtime of Node-RED, by its own test helper. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../../helpers/eventually.js'
import { installNodeRed, INSTALL_MS, makeUserDir, requireDev, type UserDir } from './setup.js'

type Message = Record<string, unknown> & { payload?: never; topic?: string }
interface TestNode {
  on(event: string, listener: (msg: Message) => void): void
  receive(msg: object): void
  error: { args: [unknown, unknown][] }
  status: { args: [{ fill: string; shape: string; text: string }][] }
}
interface Helper {
  init(path: string): void
  startServer(done: () => void): void
  stopServer(done: () => void): void
  load(nodes: unknown[], flow: object[]): Promise<void>
  unload(): Promise<void>
  getNode(id: string): TestNode
}

let helper: Helper
let folder: UserDir
let nodes: unknown[]
let library: typeof import('../../../src/index.js')
let fakeBreach: typeof import('../../../src/testing/index.js').fakeBreach

beforeAll(() => {
  installNodeRed()
  helper = requireDev('node-red-node-test-helper') as Helper
  helper.init(requireDev.resolve('node-red'))
  folder = makeUserDir()
  const load = createRequire(join(folder.nodes, 'package.json'))
  const own = ['guard', 'metrics', 'run'].map((name) => load(`./nodes/${name}.js`) as unknown)
  const core = ['24-complete.js', '25-catch.js'].map((name) => requireDev(`@node-red/nodes/core/common/${name}`))
  nodes = [...own, ...core]
  library = load('tripline') as typeof library
  ;({ fakeBreach } = load('tripline/testing') as { fakeBreach: typeof fakeBreach })
}, INSTALL_MS)
afterAll(() => folder[Symbol.dispose]())
beforeEach(() => new Promise<void>((resolve) => helper.startServer(resolve)))
afterEach(async () => {
  await helper.unload()
  await new Promise<void>((resolve) => helper.stopServer(resolve))
})

/** Loads a node `n` whose outputs each end in an array. */
async function start(
  type: string,
  config: object,
  outputs: number,
  more: object[] = [],
): Promise<[TestNode, Message[][]]> {
  const ports = Array.from({ length: outputs }, (_, index) => `out${index}`)
  const flow = [
    { id: 'f', type: 'tab' },
    { id: 'n', z: 'f', type, ...config, wires: ports.map((id) => [id]) },
    ...ports.map((id) => ({ id, z: 'f', type: 'helper' })),
    ...more,
  ]
  await helper.load(nodes, flow)
  const received = ports.map((id) => {
    const messages: Message[] = []
    helper.getNode(id).on('input', (msg) => messages.push(msg))
    return messages
  })
  return [helper.getNode('n'), received]
}

const HALF = { memory: { above: '99.5%' } } as const
const LIMITS = [{ metric: 'memory', direction: 'above', value: '99.5%' }]
const payloads = (messages: readonly Message[]) => messages.map(({ payload }) => payload)
const lastStatus = (node: TestNode) => node.status.args.at(-1)?.[0]

/** The status is short; the error, which the log and the debug sidebar show, has everything. */
function expectFailed(node: TestNode, text: string): void {
  expect(lastStatus(node)).toMatchObject({ fill: 'red', shape: 'ring' })
  const message = String(node.error.args[0]![0])
    .replace(/^\w+: /, '')
    .split('\n')
  expect(message.join('\n')).toContain(text)
  const shown = lastStatus(node)!.text
  expect(shown.length).toBeLessThanOrEqual(60)
  expect(message[0]!.startsWith(shown.replace(/…$/, ''))).toBe(true)
}

describe('the guard node', () => {
  it('holds messages while breached, drops what is too much, and releases the rest in order', async () => {
    const [node, [passed, events]] = await start('tripline-guard', { limits: LIMITS, capacity: '3', rate: '500' }, 2)
    node.receive({ payload: 'before' })
    await eventually(() => passed!.length === 1)
    const breach = fakeBreach(HALF, 'memory', '99.9%')
    for (const payload of [1, 2, 3, 4, 5]) node.receive({ payload })
    await eventually(() => events!.length === 1 && lastStatus(node)!.text.includes('3 held, 2 dropped'))
    expect(lastStatus(node)).toMatchObject({
      fill: 'red',
      shape: 'ring',
      text: expect.stringContaining('memory 99.9%'),
    })
    expect(events![0]).toMatchObject({
      topic: 'breach',
      payload: { event: 'breach', breaches: [{ metric: 'memory', limit: 99.5, value: 99.9, direction: 'above' }] },
    })
    expect(payloads(passed!)).toEqual(['before'])
    breach.clear()
    await eventually(() => passed!.length === 4)
    expect(payloads(passed!)).toEqual(['before', 1, 2, 3])
    expect(events![1]).toMatchObject({ topic: 'clear', payload: { held: 3, dropped: 2 } })
    await eventually(() => lastStatus(node)!.fill === 'green')
  })

  it('drops the queue at msg.reset', async () => {
    const [node, [passed]] = await start('tripline-guard', { limits: LIMITS }, 2)
    const breach = fakeBreach(HALF, 'memory', '99.9%')
    for (const payload of [1, 2]) node.receive({ payload })
    node.receive({ reset: true })
    node.receive({ payload: 3 })
    await eventually(() => lastStatus(node)!.text.includes('1 held'))
    breach.clear()
    await eventually(() => passed!.length > 0)
    expect(payloads(passed!)).toEqual([3])
  })

  it.each([
    ['drop', []],
    ['every', [0, 3, 6]],
    ['interval', [0]],
  ])('%s: passes %j of seven while breached', async (policy, expected) => {
    const config = { limits: LIMITS, policy, every: '3', interval: '3600' }
    const [node, [passed]] = await start('tripline-guard', config, 2)
    const breach = fakeBreach(HALF, 'memory', '99.9%')
    for (let payload = 0; payload < 7; payload++) node.receive({ payload })
    await eventually(() => lastStatus(node)!.text.includes(`${7 - expected.length} dropped`))
    breach.clear()
    await eventually(() => lastStatus(node)!.text.startsWith('clear'))
    node.receive({ payload: 'after' })
    await eventually(() => passed!.at(-1)?.payload === ('after' as never))
    expect(payloads(passed!)).toEqual([...expected, 'after'])
  })

  it('is breached by any of several limits, a selector among them', async () => {
    const limits = [...LIMITS, { metric: 'disk.free(/)', direction: 'below', value: '1KB', for: '0s', clear: '2KB' }]
    const [, [, events]] = await start('tripline-guard', { limits }, 2)
    const breach = fakeBreach({ 'disk.free': { below: '1KB', path: '/', for: 0, clear: '2KB' } }, 'disk.free(/)', 5)
    await eventually(() => events!.length === 1)
    expect(events![0]).toMatchObject({
      payload: { breaches: [{ metric: 'disk.free', direction: 'below', limit: 1000 }] },
    })
    breach.clear()
  })

  it.each([
    [{ limits: [] }, 'The guard has no limit'],
    [{ limits: [{ metric: 'memroy', value: '90%' }] }, "Did you mean 'memory'?"],
    [{ limits: [{ metric: '<img src=x>', value: '90%' }] }, 'metric'],
    [{ limits: [{ metric: 'memory', value: '' }] }, 'Limit 1 (memory) has no value'],
    [{ limits: [{ metric: 'memory', value: '90 parsecs' }] }, '90 parsecs'],
    [{ limits: [{ metric: 'memory', value: '90%', for: 'soon' }] }, 'soon'],
    [{ limits: [{ metric: 'memory', value: '90%', for: '5' }] }, "'5'"],
    [{ limits: [{ metric: 'memory.available', direction: 'below', value: '500' }] }, "'64MB'"],
    [{ limits: [{ metric: 'disk.free(/', direction: 'below', value: '1GB' }] }, "expected a selector in '(...)'"],
    [{ limits: [{ metric: 'conditions', value: '1' }] }, "no metric 'conditions'"],
    [{ limits: [{ metric: '__proto__', value: '1' }] }, "Unknown metric '__proto__'"],
    [{ limits: [null] }, 'Limit 1 has no metric'],
    [{ limits: LIMITS, minHold: 'long' }, 'minHold'],
    [{ limits: LIMITS, capacity: '-1' }, 'Queue must be a whole number'],
    [{ limits: LIMITS, policy: 'hoard' }, 'While breached must be one of'],
    [{ limits: [{ metric: 'gpu.temperature', value: '80C' }], onMissing: 'throw' }, 'gpu.temperature'],
  ])('with %j shows the error, and each message is an error for Catch nodes', async (config, text) => {
    const more = [
      { id: 'catcher', z: 'f', type: 'catch', scope: null, wires: [['caught']] },
      { id: 'caught', z: 'f', type: 'helper' },
    ]
    const [node, [passed]] = await start('tripline-guard', config, 2, more)
    const caught: Message[] = []
    helper.getNode('caught').on('input', (msg) => caught.push(msg))
    expectFailed(node, text)
    node.receive({ payload: 'mine' })
    await eventually(() => caught.length === 1)
    expect(caught[0]).toMatchObject({ payload: 'mine', error: { message: expect.stringContaining(text) } })
    expect(passed).toEqual([])
  })

  it('completes each message once: held ones when they pass, dropped ones at once', async () => {
    const more = [
      { id: 'complete', z: 'f', x: 1, y: 1, type: 'complete', scope: ['n'], wires: [['completed']] },
      { id: 'completed', z: 'f', type: 'helper' },
    ]
    const [node, [passed]] = await start('tripline-guard', { limits: LIMITS, capacity: '2', rate: '500' }, 2, more)
    const completed: Message[] = []
    helper.getNode('completed').on('input', (msg) => completed.push(msg))
    node.receive({ payload: 'before' })
    await eventually(() => completed.length === 1)
    const breach = fakeBreach(HALF, 'memory', '99.9%')
    for (const payload of [1, 2, 3]) node.receive({ payload })
    await eventually(() => completed.length === 2)
    breach.clear()
    await eventually(() => completed.length === 4)
    expect(payloads(completed)).toEqual(['before', 3, 1, 2])
    expect(payloads(passed!)).toEqual(['before', 1, 2])
    expect(node.error.args).toEqual([])
  })

  it('leaves nothing behind', async () => {
    await start('tripline-guard', { limits: LIMITS }, 2)
    await helper.unload()
    await eventually(() => [...library.snapshot()].length === 0)
  })
})

describe('the metrics node', () => {
  it('answers a message with values, units and the reasons of what is missing', async () => {
    const [node, [out]] = await start('tripline-metrics', { metrics: ['memory', 'disk(/)', 'gpu'] }, 1)
    node.receive({ payload: 'x', topic: 'kept' })
    await eventually(() => out!.length === 1)
    const [msg] = out!
    expect(msg).toMatchObject({ topic: 'kept', units: { memory: '%', 'disk(/)': '%' } })
    expect(Object.keys(msg!.payload as unknown as object)).toEqual(['memory', 'disk(/)'])
    expect((msg!.payload as unknown as Record<string, number>)['memory']).toBeGreaterThan(0)
    expect(msg!['missing']).toMatchObject({ gpu: expect.stringContaining('GPU') })
    await eventually(() => lastStatus(node)!.text === 'missing: gpu')
  })

  it('sends by interval from the first values on', async () => {
    // A share over time has its first value after its window.
    const [, [out]] = await start('tripline-metrics', { metrics: ['cpu', 'memory'], interval: '50ms' }, 1)
    await eventually(() => out!.length > 0)
    expect(out![0]).toMatchObject({ payload: { cpu: expect.any(Number), memory: expect.any(Number) }, missing: {} })
  })

  it('sends by interval, and stops with its flow', async () => {
    const [, [out]] = await start('tripline-metrics', { metrics: ['memory'], interval: '50ms' }, 1)
    await eventually(() => out!.length >= 3)
    await helper.unload()
    const count = out!.length
    await sleep(200)
    expect(out!.length).toBe(count)
    await eventually(() => [...library.snapshot()].length === 0)
  })

  it.each([
    [{ metrics: [] }, 'no metric'],
    [{ metrics: ['memroy'] }, "Did you mean 'memory'?"],
    [{ metrics: ['memory'], interval: '1ms' }, 'interval'],
    [{ metrics: ['memory'], interval: 'often' }, 'often'],
  ])('with %j shows the error', async (config, text) => {
    const [node] = await start('tripline-metrics', config, 1)
    expectFailed(node, text)
    await eventually(() => [...library.snapshot()].length === 0)
  })
})

/** The fields of a run node that runs this program. */
const node = (script: string, ...args: object[]) => ({
  command: process.execPath,
  args: [{ type: 'str', value: '-e' }, { type: 'str', value: script }, ...args],
})

describe('the run node', () => {
  it('sends lines and a result; input is stdin, and arguments reach no shell', async () => {
    const script = "process.stdin.on('data', (d) => console.log(String(d) + '\\n' + process.argv.slice(1).join('|')))"
    const config = { ...node(script, { type: 'msg', value: 'words' }), input: 'payload', timeout: '20s', memory: '2GB' }
    const [run, [lines, results, errors]] = await start('tripline-run', config, 3)
    run.receive({ payload: 'in', words: ['$(id)', '; echo x'], topic: 'kept' })
    await eventually(() => results!.length === 1)
    expect(payloads(lines!)).toEqual(['in', '$(id)|; echo x'])
    expect(results![0]).toMatchObject({ topic: 'kept', payload: { status: 0, code: 0, stderr: '' } })
    expect(errors).toEqual([])
    await eventually(() => lastStatus(run)!.fill === 'green')
  })

  it('sends all output as one message', async () => {
    const config = {
      ...node("process.stdout.write('a\\nb\\n'); console.error('why'); process.exit(3)"),
      output: 'whole',
    }
    const [run, [out, results, errors]] = await start('tripline-run', config, 3)
    run.receive({ payload: 0 })
    await eventually(() => errors!.length === 1)
    expect(payloads(out!)).toEqual(['a\nb\n'])
    expect(results![0]).toMatchObject({ payload: { status: 3, stderr: 'why\n' } })
    expect(errors![0]).toMatchObject({ payload: { status: 3, message: 'status 3' } })
  })

  it.each([
    ['timeout', { timeout: '300ms' }, 'timeout', 124],
    ['silence', { silence: '300ms' }, 'idle', 124],
    ['memory', { memory: '1MB' }, 'resource', 123],
  ])('ends a command by %s', async (_, limit, kind, status) => {
    const config = { ...node('setInterval(() => undefined, 1000)'), ...limit }
    const [run, [, results, errors]] = await start('tripline-run', config, 3)
    run.receive({ payload: 0 })
    await eventually(() => results!.length === 1)
    expect(results![0]).toMatchObject({ payload: { status, reason: { kind } } })
    expect(errors).toHaveLength(1)
  })

  it('stops by a message, and refuses more commands than it may run', async () => {
    const [run, [lines, results, errors]] = await start(
      'tripline-run',
      { ...node("console.log('up'); setInterval(() => undefined, 1000)"), most: '1' },
      3,
    )
    run.receive({ payload: 0 })
    await eventually(() => lines!.length === 1)
    run.receive({ payload: 1 })
    await eventually(() => errors!.length === 1)
    expect(errors![0]).toMatchObject({ payload: { message: expect.stringContaining('run already') } })
    run.receive({ stop: true })
    await eventually(() => results!.length === 1)
    expect(results![0]).toMatchObject({
      payload: { reason: { message: expect.stringContaining('stopped by a message') } },
    })
  })

  it('takes no command from a message unless it may', async () => {
    const [strict, [lines, , errors]] = await start('tripline-run', node("console.log('configured')"), 3)
    strict.receive({ command: 'echo', args: ['from the message'] })
    await eventually(() => errors!.length === 1)
    expect(lines).toEqual([])
    expect(errors![0]).toMatchObject({ payload: { message: expect.stringContaining('msg.command is not allowed') } })
    expect(strict.error.args).toHaveLength(1)
    await helper.unload()
    const [open, [output]] = await start('tripline-run', { fromMessage: true }, 3)
    open.receive({ command: 'echo', args: ['$HOME'] })
    await eventually(() => output!.length === 1)
    expect(payloads(output!)).toEqual(['$HOME'])
  })

  it('runs a shell only where it should; arguments are its parameters', async () => {
    const config = { command: 'echo "$1" | tr a-z A-Z', args: [{ type: 'msg', value: 'payload' }], shell: true }
    const [run, [lines]] = await start('tripline-run', config, 3)
    run.receive({ payload: '$(echo x); y' })
    await eventually(() => lines!.length === 1)
    expect(payloads(lines!)).toEqual(['$(ECHO X); Y'])
  })

  const hostile = [
    '$(touch pwned)',
    '`touch pwned`',
    "'; touch pwned; '",
    '"; touch pwned; "',
    '\n touch pwned \n',
    '&& touch pwned',
    '| touch pwned',
    '${IFS}touch${IFS}pwned',
    '--help',
    '%s%n',
    '\u0001\u001b[31m\u202e',
    '__proto__',
  ]
  it.each([
    ['a program', { command: process.execPath, shell: false }],
    [
      'a shell',
      { command: `"${process.execPath}" -e 'console.log(JSON.stringify(process.argv.slice(1)))' -- "$1"`, shell: true },
    ],
  ])('hostile arguments reach %s as they are', async (_, config) => {
    const cwd = mkdtempSync(join(tmpdir(), 'tripline-hostile-'))
    const script = 'console.log(JSON.stringify(process.argv.slice(1)))'
    const before = config.shell ? [] : ['-e', script, '--'].map((value) => ({ type: 'str', value }))
    const args = [...before, { type: 'msg', value: 'payload' }]
    const [run, [lines, results]] = await start('tripline-run', { ...config, args, cwd, most: '1000' }, 3)
    for (const payload of hostile) {
      run.receive({ payload })
      await eventually(() => lines!.length > 0 && results!.length > 0)
      expect(JSON.parse(lines!.pop()!.payload as unknown as string)).toEqual([payload])
      expect(results!.pop()).toMatchObject({ payload: { status: 0 } })
    }
    expect(readdirSync(cwd)).toEqual([])
    rmSync(cwd, { recursive: true })
  })

  it.each([
    ['a zero byte', 'a\0b'],
    ['an object', { toString: 'x' }],
    ['nothing', undefined],
    ['a function', () => 'x'],
    ['more than the system takes', 'x'.repeat(3_000_000)],
  ])('%s as an argument is an error, and no command is started', async (_, payload) => {
    const config = { ...node("console.log('started')", { type: 'msg', value: 'payload' }) }
    const [run, [lines, results, errors]] = await start('tripline-run', config, 3)
    run.receive({ payload })
    await eventually(() => errors!.length === 1)
    expect([lines, results]).toEqual([[], []])
    expect(run.error.args).toHaveLength(1)
  })

  it('takes texts and numbers as msg.args, and no command that is not a text', async () => {
    const [run, [lines, , errors]] = await start('tripline-run', { fromMessage: true }, 3)
    run.receive({ command: 'echo', args: [1, 'two', true] })
    await eventually(() => lines!.length === 1)
    expect(payloads(lines!)).toEqual(['1 two true'])
    for (const bad of [{ command: ['echo'] }, { command: 'echo', args: 'x' }, { command: 'echo', args: [{}] }, {}]) {
      run.receive(bad)
      await eventually(() => errors!.length === 1)
      expect(errors!.pop()).toMatchObject({ payload: { message: expect.stringMatching(/msg\.(command|args)/) } })
    }
  })

  it('goes on if its command reads no input, and refuses input that cannot be written', async () => {
    const [run, [, results, errors]] = await start('tripline-run', { command: 'true', input: 'payload' }, 3)
    run.receive({ payload: 'x'.repeat(5_000_000) })
    await eventually(() => results!.length === 1)
    expect(results![0]).toMatchObject({ payload: { status: 0 } })
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    for (const payload of [circle, 1n, undefined]) {
      run.receive({ payload })
      await eventually(() => errors!.length === 1)
      errors!.pop()
    }
    expect(results).toHaveLength(1)
  })

  it('starts no command while it is closed', async () => {
    const cwd = mkdtempSync(join(tmpdir(), 'tripline-late-'))
    const script = "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => undefined, 1000)"
    const config = { ...node(script), killAfter: '500ms', fromMessage: true, cwd }
    const [run, [lines]] = await start('tripline-run', config, 3)
    run.receive({ payload: 0 })
    await eventually(() => lines!.length === 1)
    const unloading = helper.unload()
    await sleep(100)
    run.receive({ command: 'touch', args: ['late'] })
    await unloading
    await sleep(200)
    expect(readdirSync(cwd)).toEqual([])
    rmSync(cwd, { recursive: true })
  })

  it('that cannot start its command sends an error', async () => {
    const [run, [, results, errors]] = await start('tripline-run', { command: '/nowhere/program' }, 3)
    run.receive({ payload: 0 })
    await eventually(() => errors!.length === 1)
    expect(errors![0]).toMatchObject({ payload: { code: 'ERR_TRIPLINE_NOT_STARTED' } })
    expect(run.error.args).toHaveLength(1)
    expect(results).toEqual([])
  })

  it('ends its commands with its flow', async () => {
    const script = "console.log(process.pid); process.on('SIGTERM', () => {}); setInterval(() => undefined, 1000)"
    const [run, [lines]] = await start('tripline-run', { ...node(script), killAfter: '200ms' }, 3)
    run.receive({ payload: 0 })
    await eventually(() => lines!.length === 1)
    await helper.unload()
    const pid = Number(lines![0]!.payload)
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/)
  })

  it.each([
    [{ command: '' }, 'no command'],
    [{ command: 'true', memory: 'much' }, 'much'],
    [{ command: 'true', memory: '500' }, "'500'"],
    [{ command: 'true', most: '0' }, 'At once'],
    [{ command: 'true', timeout: 'soon' }, 'soon'],
  ])('with %j shows the error', async (config, text) => {
    const [run] = await start('tripline-run', config, 3)
    await eventually(() => lastStatus(run)!.fill === 'red')
    expectFailed(run, text)
    expect(run.error.args).toHaveLength(1)
  })
})

describe('without the library', () => {
  it('all nodes say so, and their messages are errors', async () => {
    using bare = makeUserDir({ library: false })
    const load = createRequire(join(bare.nodes, 'package.json'))
    const own = ['guard', 'metrics', 'run'].map((name) => load(`./nodes/${name}.js`) as unknown)
    const names = ['guard', 'metrics', 'run']
    await helper.load(own, [
      { id: 'f', type: 'tab' },
      ...names.map((name) => ({
        id: name,
        z: 'f',
        type: `tripline-${name}`,
        limits: LIMITS,
        metrics: ['cpu'],
        command: 'true',
      })),
    ])
    for (const name of names) {
      const each = helper.getNode(name)
      expect(lastStatus(each)).toMatchObject({
        fill: 'red',
        text: expect.stringContaining("package 'tripline' cannot be loaded"),
      })
      each.receive({ payload: name })
      const failed = () => each.error.args.some(([, msg]) => (msg as Message | undefined)?.payload === (name as never))
      await eventually(failed)
    }
  })
})
