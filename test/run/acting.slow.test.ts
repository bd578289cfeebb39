/** Limits, timeouts and silence act on a command although the event loop is blocked. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { CancelationToken, run, type RunEvent, type RunOptions } from '../../src/index.js'
import { fakeBreach, useClock } from '../../src/testing/index.js'
import { makeTag } from '../helpers/cli.js'
import { PACKAGE, runCommand, runModule } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-acting-'))
afterAll(() => rmSync(folder, { recursive: true }))

const shell = (line: string, options?: RunOptions): ReturnType<typeof run> =>
  run('bash', ['-c', line], { stdio: 'ignore', ...options })

/**
 * Runs a command in a process whose loop is blocked from the start of the command until no process has the tag, and prints
 * the members of the result that are named.
 */
async function blocked(line: string, options: string, members: string): Promise<unknown> {
  const tag = makeTag()
  const source = `
    import { readdirSync, readFileSync } from 'node:fs'
    const commands = () => readdirSync('/proc').filter((each) => {
      try { return /^\\d+$/.test(each) && readFileSync('/proc/' + each + '/cmdline', 'utf8').includes('${tag}') } catch { return false }
    }).filter((each) => each !== String(process.pid))
    const token = new tripline.CancelationToken()
    const word = new Int32Array(new SharedArrayBuffer(4))
    const wait = (until) => { for (let i = 0; i < 2000 && !until(); i++) Atomics.wait(word, 0, 0, 10) }
    const running = tripline.run('bash', ['-c', ${JSON.stringify(line.replaceAll('TAG', tag))}], { stdio: 'ignore', token, ${options} })
    wait(() => commands().length > 0)
    wait(() => commands().length === 0)
    token.cancel('too late')
    const { ${members} } = await running
    console.log(JSON.stringify({ ${members} }))`
  const { stdout, stderr } = await runModule(source)
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

describe('while the event loop is blocked', () => {
  it('a timeout ends the command, and is the reason', async () => {
    expect(await blocked('sleep TAG', 'timeout: 300', 'status, reason, sent, ended')).toMatchObject({
      status: 124,
      reason: { kind: 'timeout', message: 'Timed out after 300ms', timeout: 300 },
      sent: 'SIGTERM',
      ended: 1,
    })
  })

  it('what ignores the signal is killed', async () => {
    const line = `trap '' TERM; (setsid sleep TAG &); sleep TAG; sleep TAG`
    expect(await blocked(line, 'timeout: 300, killAfter: 200', 'killed, signal')).toEqual({
      killed: true,
      signal: 'SIGKILL',
    })
  })

  it('silence ends the command', async () => {
    expect(await blocked('echo; sleep TAG', 'idleOutput: 300', 'status, reason')).toMatchObject({
      status: 124,
      reason: { kind: 'idle', idle: 300, message: 'No output for 300ms' },
    })
  })

  it.each([
    ['term', 'SIGTERM'],
    ['kill', 'SIGKILL'],
  ])('a limit ends the command (onBreach: %s)', async (onBreach, sent) => {
    const options = `limits: { 'process.count': 2 }, onBreach: '${onBreach}'`
    expect(await blocked('sleep TAG & sleep TAG & wait', options, 'status, reason, sent, ended')).toMatchObject({
      status: 123,
      reason: { kind: 'resource', breach: { metric: 'process.count', value: 3, limit: 2 } },
      sent,
      ended: 3,
    })
  })

  it('a limit pauses the command, which continues when the limit is clear', async () => {
    // Paused with three processes, and resumed once the test has killed the one whose id it knows by then.
    const file = join(folder, 'pid')
    const source = `
      import { readFileSync } from 'node:fs'
      const word = new Int32Array(new SharedArrayBuffer(4))
      const wait = (until) => { for (let i = 0; i < 2000 && !until(); i++) Atomics.wait(word, 0, 0, 10) }
      const read = (file) => { try { return readFileSync(file, 'utf8').trim() } catch { return '' } }
      const events = []
      const running = tripline.run('bash', ['-c', 'sleep 60 & echo $! > ${file}; first=$!; sleep 60 & wait $first; kill $!; exit 0'], {
        stdio: 'ignore',
        limits: { 'process.count': { above: 2, clear: 2 } },
        onBreach: 'pause',
        peaks: false,
        onEvent: ({ kind }) => events.push(kind),
      })
      let pid = ''
      wait(() => (pid = read('${file}')) !== '')
      wait(() => read('/proc/' + pid + '/stat').includes(') T '))
      process.kill(Number(pid), 'SIGKILL')
      wait(() => read('/proc/' + pid + '/stat') === '')
      const { status, pauses, paused } = await running
      console.log(JSON.stringify({ status, pauses, events, was: paused > 0 }))`
    const { stdout, stderr } = await runModule(source)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual({ status: 0, pauses: 1, events: ['started', 'paused', 'resumed'], was: true })
  })
})

describe('the reason', () => {
  it('is that of the first cause, and no later one ends the command again', async () => {
    const token = new CancelationToken()
    const events: RunEvent['kind'][] = []
    const running = shell(`trap 'sleep 2; exit 5' TERM; echo ready; sleep 60 & wait`, {
      token,
      timeout: 1500,
      stdio: ['ignore', 'pipe', 'inherit'],
      onEvent: ({ kind }) => events.push(kind),
    })
    // Before that it has no trap, and dies of the signal.
    running.stdout!.once('data', () => token.cancel('first'))
    const result = await running
    expect(events).toEqual(['started', 'ending'])
    expect(result.reason?.kind).toBe('manual')
    expect(result.code).toBe(5)
  })

  it('is absent in a dry run, in which nothing is ended or paused', async () => {
    const result = await shell('sleep 1 & sleep 1 & wait', {
      dryRun: true,
      onBreach: 'kill',
      timeout: 300,
      idleOutput: 200,
      limits: { 'process.count': 2 },
    })
    expect(result).toMatchObject({ status: 0, reason: undefined, sent: undefined, ended: 0 })
    const kinds = result.wouldHaveEnded.map(({ message }) => message.replace(/ 3 > 2$/, ''))
    expect(kinds.toSorted()).toEqual(['No output for 200ms', 'Timed out after 300ms', 'process.count'])
  })
})

describe('fakes of tripline/testing', () => {
  const LIMITS = { 'memory.available': { below: 1 } }

  it('end a command by a breach, before or after its start', async () => {
    for (const first of [true, false]) {
      const breach = first ? fakeBreach(LIMITS, 'memory.available', 0) : undefined
      const events: RunEvent['kind'][] = []
      let later: Disposable | undefined
      const result = await shell('exec sleep 60', {
        limits: LIMITS,
        onEvent: ({ kind }) => {
          events.push(kind)
          if (kind === 'started' && !first) later = fakeBreach(LIMITS, 'memory.available', 0)
        },
      })
      breach?.[Symbol.dispose]()
      later?.[Symbol.dispose]()
      expect(result).toMatchObject({
        status: 123,
        reason: { kind: 'resource', breach: { metric: 'memory.available', value: 0, origin: 'tripline/testing' } },
      })
      expect(events).toEqual(['started', 'ending'])
    }
  })

  it('pause and resume a command', async () => {
    using breach = fakeBreach(LIMITS, 'memory.available', 0)
    const events: RunEvent['kind'][] = []
    const result = await shell('sleep 0.3; exit 3', {
      limits: LIMITS,
      onBreach: 'pause',
      onEvent: ({ kind }) => {
        events.push(kind)
        if (kind === 'paused') breach.clear()
      },
    })
    expect(result).toMatchObject({ status: 3, reason: undefined })
    expect(events.slice(0, 3)).toEqual(['started', 'paused', 'resumed'])
  })

  it('decide when a timeout is over', async () => {
    using clock = useClock()
    const events: RunEvent['kind'][] = []
    const running = shell('exec sleep 60', { timeout: '1h', onEvent: ({ kind }) => events.push(kind) })
    await eventually(() => events.includes('started'))
    await clock.advance('1h')
    expect(await running).toMatchObject({ status: 124, reason: { kind: 'timeout', timeout: 3_600_000 } })
  })
})

describe('before a command runs', () => {
  it('its limits are watched, so that a fast one is caught', async () => {
    const results = []
    for (let i = 0; i < 10; i++) {
      // The event loop is blocked as soon as the start was ordered.
      const running = shell('sleep 60 & sleep 60 & wait', { limits: { 'process.count': 2 }, peaks: false })
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
      results.push((await running).status)
    }
    expect(results).toEqual(Array.from({ length: 10 }, () => 123))
  })

  it('the memory of this process does not count as its own', async () => {
    const held = Buffer.alloc(200e6, 1)
    const statuses = []
    for (let i = 0; i < 20; i++) {
      const { status } = await run('sleep', ['0.02'], { limits: { 'process.footprint': '50MB' }, peaks: false })
      statuses.push(status)
    }
    expect(statuses).toEqual(Array.from({ length: 20 }, () => 0))
    expect(held.length).toBe(200e6)
  })

  it('a full limit on processes refuses it', async () => {
    // Threads count too. Only a user other than root has the limit.
    const script = `import(${JSON.stringify(PACKAGE)}).then(async ({ run, CommandNotStartedError }) => {
      const { execSync } = await import('node:child_process')
      // The stand-in for macOS needs processes when it is loaded.
      await run('true', [], { peaks: false })
      execSync('prlimit --nproc=1 --pid ' + process.pid)
      for (const limits of [undefined, { 'process.count': 100 }]) {
        await run('true', [], { limits }).then(
          ({ status }) => console.log('ran', status),
          (error) => console.log(error instanceof CommandNotStartedError, error.kind, error.message))
      }
    })`
    const line = `exec ${process.getuid?.() === 0 ? 'setpriv --reuid 65533 --clear-groups' : ''} "$0" -e "$1"`
    const { stdout } = await runCommand('bash', ['-c', line, process.execPath, script])
    expect(stdout).toMatch(/^(true other true: cannot be run \(.*at the limit of.*\)\n){2}$/)
  })
})

describe('descriptors', () => {
  it('of short runs with limits and without peaks are closed at once', async () => {
    const script = `import(${JSON.stringify(PACKAGE)}).then(async ({ run }) => {
      for (let i = 0; i < 80; i++) {
        await run('true', [], { peaks: false, limits: { 'process.footprint': '1GB', 'process.cpu': 1e6 } })
      }
      console.log('all')
    })`
    const line = 'ulimit -n 64; exec "$0" -e "$1"'
    const outcome = await runCommand('bash', ['-c', line, process.execPath, script])
    expect(outcome).toEqual({ code: 0, signal: null, stdout: 'all\n', stderr: '' })
  })

  it.each(['inherit', 'pipe'])(
    'are not left by workers that are terminated while they start commands: %s',
    async (stdio) => {
      const { stdout, stderr } = await runModule(`
      import { readdirSync } from 'node:fs'
      import { Worker } from 'node:worker_threads'
      const open = () => readdirSync('/proc/self/fd').length
      const source = \`import(${JSON.stringify(PACKAGE)}).then(({ run }) => {
        const start = () => run('true', [], { stdio: '${stdio}', limits: { 'process.count': 9 } }).catch(() => {})
        for (let i = 0; i < 10; i++) start()
        import('node:worker_threads').then(({ parentPort }) => parentPort.postMessage(0))
      })\`
      const one = async (delay) => {
        const worker = new Worker(source, { eval: true })
        await new Promise((resolve) => worker.once('message', resolve))
        await new Promise((resolve) => setTimeout(resolve, delay))
        await worker.terminate()
      }
      const settled = async (most) => {
        for (let i = 0; i < 100 && open() > most; i++) await new Promise((resolve) => setTimeout(resolve, 10))
        return open()
      }
      await one(5)
      const before = await settled(0)
      for (let i = 0; i < 8; i++) await one(i * 3)
      console.log('left:', (await settled(before)) > before)`)
      expect([stdout, stderr]).toEqual(['left: false\n', ''])
    },
  )
})
