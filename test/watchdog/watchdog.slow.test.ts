/** The watchdog over a datagram socket in place of systemd's, in child processes as services are. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readManager } from '../../src/watchdog/manager.js'
import type { WatchdogOptions } from '../../src/watchdog/options.js'
import { watchdog } from '../../src/watchdog/watchdog.js'
import { PACKAGE, ROOT, runModule, type Outcome } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'
import { FakeDevice, NotifySocket } from '../helpers/watchdog.js'

const FEED = 'WATCHDOG=1'

const TOOLS = `
  const { watchdog, guard } = tripline
  const block = (ms) => { for (const end = performance.now() + ms; performance.now() < end;); }
  const until = async (check) => { while (!check()) await new Promise((resolve) => setTimeout(resolve, 10)) }
  const thrown = (body) => { try { body() } catch (error) { return error } }
`

function runService(env: NodeJS.ProcessEnv, source: string): Promise<Outcome> {
  return runModule(TOOLS + source, { env })
}

function expectClean(outcome: Outcome): void {
  expect(outcome).toMatchObject({ code: 0, signal: null, stderr: '' })
}

describe('a service', () => {
  it('is fed for while its loop answers, and reports what the program says', async () => {
    using socket = await NotifySocket.open()
    const outcome = await runService(
      socket.environment(200_000),
      `
      const dog = watchdog({ eventLoop: '10s' })
      console.log(dog.state, dog.period, JSON.stringify(dog.why))
      console.log(dog.ready('listening'), dog.reloading(), dog.ready(), dog.status('two\\nlines'), dog.stopping())
      await until(() => dog.stats.fed > 3)
      dog.close()
      console.log(dog.state, thrown(() => dog.ready()).code)
    `,
    )
    expectClean(outcome)
    expect(outcome.stdout).toBe('feeding 200 ""\ntrue true true true true\nclosed ERR_INVALID_STATE\n')
    const said = socket.received.filter((each) => each !== FEED)
    expect(said[0]).toBe('READY=1\nSTATUS=listening')
    expect(said[1]).toMatch(/^RELOADING=1\nMONOTONIC_USEC=\d+$/)
    expect(said.slice(2)).toEqual(['READY=1', String.raw`STATUS=two\nlines`, 'STOPPING=1'])
    expect(socket.received.filter((each) => each === FEED).length).toBeGreaterThan(3)
  })

  it('gives the monotonic time of its reload', async () => {
    using socket = await NotifySocket.open()
    const outcome = await runService(
      socket.environment(),
      `
      const before = process.hrtime.bigint() / 1000n
      watchdog({ eventLoop: 1000 }).reloading()
      console.log(String(before), String(process.hrtime.bigint() / 1000n))
    `,
    )
    const [before, after] = outcome.stdout.split(' ').map(Number)
    const given = Number(/MONOTONIC_USEC=(\d+)/.exec(socket.received[0]!)?.[1])
    expect(given).toBeGreaterThanOrEqual(before! - 1)
    expect(given).toBeLessThanOrEqual(after! + 1)
  })

  it('is not fed while its loop is blocked, and says so before', async () => {
    using socket = await NotifySocket.open()
    const outcome = await runService(
      socket.environment(200_000),
      `
      const dog = watchdog({ eventLoop: 200 })
      dog.ready('fine')
      await until(() => dog.stats.fed > 1)
      let state
      function theCulprit() {
        for (const end = performance.now() + 20000; performance.now() < end && (state = dog.state) !== 'withheld';);
      }
      theCulprit()
      const { fed } = dog.stats
      block(500)
      console.log(state, dog.stats.fed - fed, dog.breaches[0].metric)
      await until(() => dog.stats.fed > fed)
      console.log(dog.state)
    `,
    )
    expectClean(outcome)
    expect(outcome.stdout).toBe('withheld 0 eventLoop.delay\nfeeding\n')
    const at = socket.received.findIndex((each) => each.startsWith('STATUS=Watchdog not fed: eventLoop.delay '))
    expect(socket.received[at]).toMatch(
      /^STATUS=Watchdog not fed: eventLoop\.delay \d+ ms( in [^\n]*\(\S+:\d+:\d+\))?$/,
    )
    expect(socket.received.slice(0, at)).toContain(FEED)
    expect(socket.received.slice(at)).toContain(FEED)
    // What the program had said is shown again.
    await eventually(() => socket.received.lastIndexOf('STATUS=fine') > at)
  })

  it('names the line even if the blocking code can show its stack only before the limit', async () => {
    using socket = await NotifySocket.open()
    const outcome = await runService(
      socket.environment(200_000),
      `
      const dog = watchdog({ eventLoop: '1s' })
      const { execFileSync } = await import('node:child_process')
      function theCulprit() {
        block(950)
        // It does not return to V8 before the limit is crossed.
        execFileSync('sleep', ['0.4'])
      }
      // Perhaps the machine is too busy for one.
      for (let i = 0; i < 2; i++) {
        await until(() => dog.state === 'feeding')
        await new Promise((resolve) => setTimeout(resolve, 100))
        theCulprit()
      }
    `,
    )
    expectClean(outcome)
    const native = /^STATUS=Watchdog not fed: eventLoop\.delay \d+ ms in .*:\d+:\d+\)$/
    await eventually(() => socket.received.some((each) => native.test(each)))
  }, 60_000)

  it('is not fed while a resource is breached', async () => {
    using socket = await NotifySocket.open()
    const outcome = await runService(
      socket.environment(200_000),
      `
      const dog = watchdog({ eventLoop: '10s', resources: { 'process.rss': 1 } })
      await until(() => dog.state === 'withheld')
      const { fed } = dog.stats
      await new Promise((resolve) => setTimeout(resolve, 400))
      console.log(dog.breaches.map((each) => each.metric).join(), dog.stats.fed - fed)
      dog.close()
      const open = guard({ 'process.rss': 1 }, { dryRun: true })
      console.log(watchdog({ eventLoop: '10s', resources: open }).state)
    `,
    )
    expectClean(outcome)
    expect(outcome.stdout).toBe('process.rss 0\nfeeding\n')
    expect(socket.received.some((each) => /^STATUS=Watchdog not fed: process\.rss .* > /.test(each))).toBe(true)
  })

  it('takes a guard, which may be closed, and refuses one that is', async () => {
    using socket = await NotifySocket.open()
    const outcome = await runService(
      socket.environment(200_000),
      `
      const limits = guard({ 'process.rss': 1 })
      const dog = watchdog({ eventLoop: '10s', resources: limits })
      limits.close()
      await until(() => dog.state === 'withheld')
      dog.close()
      console.log(thrown(() => watchdog({ eventLoop: '10s', resources: limits })).code)
    `,
    )
    expectClean(outcome)
    expect(outcome.stdout).toBe('ERR_INVALID_ARG_VALUE\n')
  })

  it('has variables that its children do not inherit, and that a second watchdog still knows', async () => {
    using socket = await NotifySocket.open()
    const names =
      "['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'].map((name) => process.env[name] !== undefined).join()"
    const source = `
      process.env.WATCHDOG_PID = String(process.pid)
      const first = watchdog({ eventLoop: '10s', keepEnvironment: true })
      console.log(${names})
      const second = thrown(() => watchdog({ eventLoop: '10s' }))
      console.log(second.code, second.kind, ${names})
      first.close()
      const dog = watchdog({ eventLoop: '10s' })
      console.log(${names})
      dog.close()
      console.log(watchdog({ eventLoop: '10s' }).state)
    `
    const outcome = await runService(socket.environment(1_000_000), source)
    expectClean(outcome)
    expect(outcome.stdout).toBe(
      'true,true,true\nERR_TRIPLINE_WATCHDOG open true,true,true\nfalse,false,false\nfeeding\n',
    )
  })

  it('goes on when its socket is gone or full, and counts that', async () => {
    using socket = await NotifySocket.open(undefined, true)
    const outcome = runService(
      socket.environment(200_000),
      `
      const dog = watchdog({ eventLoop: '10s' })
      await until(() => dog.stats.failed > 0)
      console.log(dog.stats.failure)
      console.log(thrown(() => { for (;;) dog.status('x') }).message)
    `,
    )
    await eventually(() => socket.received.length === 0)
    expectClean(await outcome)
    expect((await outcome).stdout).toMatch(/^EAGAIN\nWatchdog: @tripline-test\S*: EAGAIN\n$/)

    const gone = await runService(
      { ...process.env, NOTIFY_SOCKET: '/nonexistent/socket', WATCHDOG_USEC: '200000' },
      `
      const dog = watchdog({ eventLoop: '10s' })
      await until(() => dog.stats.failed > 2)
      const error = thrown(() => dog.ready())
      console.log(dog.stats.fed, dog.stats.failure, dog.state, error.code, error.kind)
    `,
    )
    expectClean(gone)
    expect(gone.stdout).toBe('0 ENOENT feeding ERR_TRIPLINE_WATCHDOG send\n')
  })

  it('may live in a worker thread, whose end closes it', async () => {
    using socket = await NotifySocket.open()
    const outcome = await runService(
      socket.environment(200_000),
      `
      const { Worker } = await import('node:worker_threads')
      const source = \`
        const { watchdog } = await import(${JSON.stringify(PACKAGE)})
        const { parentPort } = await import('node:worker_threads')
        const dog = watchdog({ eventLoop: '10s' })
        setInterval(() => dog.stats.fed > 1 && parentPort.postMessage(dog.state), 10)
      \`
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(source)))
      console.log(await new Promise((resolve) => worker.once('message', resolve)))
      await worker.terminate()
      const dog = watchdog({ eventLoop: '10s' })
      await until(() => dog.stats.fed > 1)
      console.log(dog.state)
    `,
    )
    expectClean(outcome)
    expect(outcome.stdout).toBe('feeding\nfeeding\n')
  })
})

describe('a program that is no service', () => {
  it('has a watchdog that is off, says why, and reports nothing', async () => {
    const outcome = await runService(
      process.env,
      `
      const dog = watchdog({ eventLoop: '10s', resources: { memory: 99 } })
      console.log(dog.state, dog.period, dog.stats.fed, dog.breaches.length, dog.ready('up'), dog.why)
    `,
    )
    expectClean(outcome)
    expect(outcome.stdout).toBe('off undefined 0 0 false NOTIFY_SOCKET is not set: not a service of systemd\n')
  })

  it('is not under a watchdog whose environment is wrong, and that stays as it was', async () => {
    const outcome = await runService(
      { ...process.env, NOTIFY_SOCKET: '@x', WATCHDOG_USEC: '5000' },
      `
      const error = thrown(() => watchdog({ eventLoop: '10s' }))
      console.log(error.name, error.code, error.kind, process.env.NOTIFY_SOCKET, process.env.WATCHDOG_USEC)
    `,
    )
    expectClean(outcome)
    expect(outcome.stdout).toBe('WatchdogError ERR_TRIPLINE_WATCHDOG period @x 5000\n')
  })
})

describe('the environment of a service manager', () => {
  it.each([
    [{}, '', undefined, 'NOTIFY_SOCKET is not set: not a service of systemd'],
    [{ WATCHDOG_USEC: '1000000' }, '', undefined, 'NOTIFY_SOCKET is not set: not a service of systemd'],
    [{ NOTIFY_SOCKET: '@x' }, '@x', undefined, 'WATCHDOG_USEC is not set: WatchdogSec= is missing'],
    [{ NOTIFY_SOCKET: '/x', WATCHDOG_USEC: '1500000' }, '/x', 1500, ''],
    [{ NOTIFY_SOCKET: '/x', WATCHDOG_USEC: '1000000', WATCHDOG_PID: '812' }, '/x', 1000, ''],
    [
      { NOTIFY_SOCKET: '/x', WATCHDOG_USEC: '1000000', WATCHDOG_PID: '1' },
      '/x',
      undefined,
      'WATCHDOG_PID is 1, and this process is 812',
    ],
    [{ NOTIFY_SOCKET: `/${'x'.repeat(106)}`, WATCHDOG_USEC: '100000' }, `/${'x'.repeat(106)}`, 100, ''],
  ])('%j', (variables, socket, period, why) => {
    expect(readManager(variables, 812)).toEqual({ socket, period, why })
  })

  it.each([
    [{ NOTIFY_SOCKET: 'relative' }, 'environment', "NOTIFY_SOCKET must be a path that begins with '/' or '@'"],
    [{ NOTIFY_SOCKET: '@' }, 'environment', 'NOTIFY_SOCKET must be'],
    [{ NOTIFY_SOCKET: 'vsock:2:1234' }, 'environment', 'NOTIFY_SOCKET must be'],
    [{ NOTIFY_SOCKET: '\u001b[31mred' }, 'environment', String.raw`it is '\u001b[31mred'`],
    [{ NOTIFY_SOCKET: `/${'x'.repeat(107)}` }, 'environment', 'at most 107 bytes'],
    [{ NOTIFY_SOCKET: `@${'é'.repeat(54)}` }, 'environment', 'at most 107 bytes'],
    [{ NOTIFY_SOCKET: '@x', WATCHDOG_USEC: '0' }, 'environment', 'WATCHDOG_USEC must be'],
    [{ NOTIFY_SOCKET: '@x', WATCHDOG_USEC: '-5' }, 'environment', 'WATCHDOG_USEC must be'],
    [{ NOTIFY_SOCKET: '@x', WATCHDOG_USEC: '10s' }, 'environment', 'WATCHDOG_USEC must be'],
    [{ NOTIFY_SOCKET: '@x', WATCHDOG_USEC: '' }, 'environment', 'WATCHDOG_USEC must be'],
    [{ NOTIFY_SOCKET: '@x', WATCHDOG_USEC: '1e6' }, 'environment', 'WATCHDOG_USEC must be'],
    [{ NOTIFY_SOCKET: '@x', WATCHDOG_USEC: '9'.repeat(30) }, 'environment', 'WATCHDOG_USEC must be'],
    [{ NOTIFY_SOCKET: '@x', WATCHDOG_USEC: '1000000', WATCHDOG_PID: 'me' }, 'environment', 'WATCHDOG_PID must be'],
    [{ NOTIFY_SOCKET: '@x', WATCHDOG_USEC: '99999' }, 'period', 'the shortest that can be kept is 100ms'],
  ])('that is wrong: %j', (variables, kind, message) => {
    const error = thrownBy(() => readManager(variables, 812))
    expect(error).toMatchObject({ name: 'WatchdogError', code: 'ERR_TRIPLINE_WATCHDOG', kind })
    expect(error.message).toContain(message)
  })
})

describe('a watchdog refuses', () => {
  it.each([
    [undefined, 'ERR_INVALID_ARG_TYPE'],
    [{}, 'ERR_INVALID_ARG_TYPE'],
    [{ eventLoop: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ eventLoop: 'soon' }, 'ERR_INVALID_ARG_VALUE'],
    [{ eventLoop: '10s', device: 3 }, 'ERR_INVALID_ARG_TYPE'],
    [{ eventLoop: '10s', device: 'watchdog' }, 'ERR_INVALID_ARG_VALUE'],
    [{ eventLoop: '10s', acceptNoWayOut: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ eventLoop: '10s', keepEnvironment: 'no' }, 'ERR_INVALID_ARG_TYPE'],
    [{ eventLoop: '10s', resources: { memroy: 5 } }, 'ERR_INVALID_ARG_VALUE'],
    [{ eventLoop: '10s', resource: { memory: 5 } }, 'ERR_INVALID_ARG_VALUE'],
    [{ eventLoop: '10s', device: '/nonexistent/watchdog' }, 'ERR_TRIPLINE_WATCHDOG'],
    [{ eventLoop: '10s', device: '/dev/null' }, 'ERR_TRIPLINE_WATCHDOG'],
    [{ eventLoop: '10s', device: '/etc/passwd' }, 'ERR_TRIPLINE_WATCHDOG'],
  ])('the options %j', (options, code) => {
    expect(thrownBy(() => watchdog(options as WatchdogOptions))).toMatchObject({ code })
  })
})

function thrownBy(body: () => unknown): Error {
  try {
    body()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

/** Runs a program with the modules of the watchdog, so that it takes a stand-in for a device. */
function runWithDevice(device: FakeDevice, source: string, timeout = 1): Promise<Outcome> {
  const folder = pathToFileURL(join(ROOT, '.cache/ts/watchdog')).href
  return runModule(`${TOOLS}
    const { machine } = await import('${folder}/device.js')
    const { watchdog: dogOf } = await import('${folder}/watchdog.js')
    machine.sysfs = ${JSON.stringify(device.sysfs)}
    machine.timeoutOf = () => ${timeout}
    const device = ${JSON.stringify(device.path)}
    ${source}
  `)
}

describe('a device', () => {
  it.each([
    ['close()', 'dog.close(); dog.close()'],
    ['process.exit()', 'process.exit(0)'],
    ['the end of the program', 'void 0'],
  ])('is fed and stopped by the magic close on %s', async (_, end) => {
    using device = await FakeDevice.open()
    const outcome = await runWithDevice(
      device,
      `
      const dog = dogOf({ eventLoop: '10s', device })
      console.log(dog.state, dog.period)
      await until(() => dog.stats.fed > 1)
      ${end}
    `,
    )
    expectClean(outcome)
    expect(outcome.stdout).toBe('feeding 1000\n')
    await eventually(() => device.written.endsWith('V'))
    expect(device.written).toMatch(/^0{2,}V$/)
  })

  it('is stopped by the end of its worker', async () => {
    using device = await FakeDevice.open()
    const folder = pathToFileURL(join(ROOT, '.cache/ts/watchdog')).href
    const outcome = await runWithDevice(
      device,
      `
      const { Worker } = await import('node:worker_threads')
      const source = \`
        const { machine } = await import('${folder}/device.js')
        const { watchdog } = await import('${folder}/watchdog.js')
        const { parentPort } = await import('node:worker_threads')
        machine.sysfs = ${JSON.stringify(device.sysfs)}
        machine.timeoutOf = () => 1
        const dog = watchdog({ eventLoop: '10s', device: ${JSON.stringify(device.path)} })
        setInterval(() => dog.stats.fed > 1 && parentPort.postMessage('fed'), 10)
      \`
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(source)))
      await new Promise((resolve) => worker.once('message', resolve))
      await worker.terminate()
      console.log('terminated')
      await new Promise((resolve) => setTimeout(resolve, 50))
    `,
    )
    expectClean(outcome)
    await eventually(() => device.written.endsWith('V'))
    expect(device.written).toMatch(/^0{2,}V$/)
  })

  it.each(['1', 'missing'])(
    'that could not be stopped again is refused, unless that is accepted: %s',
    async (nowayout) => {
      using device = await FakeDevice.open(nowayout)
      const outcome = await runWithDevice(
        device,
        `
      const error = thrown(() => dogOf({ eventLoop: '10s', device }))
      console.log(error.code, error.kind)
      await new Promise((resolve) => setTimeout(resolve, 50))
      const dog = dogOf({ eventLoop: '10s', device, acceptNoWayOut: true })
      await until(() => dog.stats.fed > 0)
      dog.close()
    `,
      )
      expectClean(outcome)
      expect(outcome.stdout).toBe('ERR_TRIPLINE_WATCHDOG nowayout\n')
      await eventually(() => device.written.endsWith('V'))
      // Nothing was written by the one that was refused.
      expect(device.written).toMatch(/^0+V$/)
    },
  )

  it('that answers no timeout is stopped and refused', async () => {
    using device = await FakeDevice.open()
    const outcome = await runWithDevice(
      device,
      `
      const error = thrown(() => dogOf({ eventLoop: '10s', device }))
      console.log(error.code, error.kind)
    `,
      0,
    )
    expect(outcome.stdout).toBe('ERR_TRIPLINE_WATCHDOG device\n')
    await eventually(() => device.written === 'V')
  })

  it('is not opened where limits are wrong', async () => {
    using device = await FakeDevice.open()
    const outcome = await runWithDevice(
      device,
      `
      const resources = { 'disk.free': { below: 1, path: '/nonexistent' } }
      console.log(thrown(() => dogOf({ eventLoop: '10s', device, resources })).code)
      const dog = dogOf({ eventLoop: '10s', device })
      await until(() => dog.stats.fed > 0)
      dog.close()
    `,
    )
    expect(outcome.stdout).toBe('ERR_TRIPLINE_METRIC_UNAVAILABLE\n')
    await eventually(() => device.written.endsWith('V'))
    expect(device.written).toMatch(/^0+V$/)
  })

  it('is not fed while the loop is blocked', async () => {
    using device = await FakeDevice.open()
    const outcome = await runWithDevice(
      device,
      `
      const dog = dogOf({ eventLoop: 100, device })
      await until(() => dog.stats.fed > 1)
      while (dog.state !== 'withheld');
      const { fed } = dog.stats
      block(1200)
      console.log(dog.stats.fed - fed)
      await until(() => dog.stats.fed > fed)
      dog.close()
    `,
    )
    expectClean(outcome)
    expect(outcome.stdout).toBe('0\n')
  })
})
