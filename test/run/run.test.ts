/** `run()`: results, options, limits and events of a command. */
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, describe, expect, it } from 'vitest'
import { Cancelable, CancelationToken, run, type RunEvent, type RunOptions } from '../../src/index.js'
import { makeTag, processesWith } from '../helpers/cli.js'
import { PACKAGE, runCommand, runModule } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-run-'))
afterAll(() => rmSync(folder, { recursive: true }))

const shell = (line: string, options?: RunOptions): ReturnType<typeof run> =>
  run('bash', ['-c', line], { stdio: 'ignore', ...options })

const bad = (options: object): Promise<unknown> => run('true', [], options)

// A line for a module that ends while its command is still running.
const forEver = (tag: string): string =>
  `tripline.run('bash', ['-c', 'setsid sleep ${tag} & sleep ${tag}'], { killAfter: 300 })`

describe('run', () => {
  it('keeps no descriptor open after a command has ended', async () => {
    const { stdout } = await runModule(`
      const { readdirSync } = await import('node:fs')
      const open = () => readdirSync('/proc/self/fd').length
      await tripline.run('true', [], { peaks: false })
      const before = open()
      for (let i = 0; i < 40; i++) await tripline.run('true', [], { peaks: false })
      console.log(open() - before)`)
    expect(Number(stdout)).toBeLessThan(10)
  })

  it('starts more short commands than it may have files open', async () => {
    const script = `import(${JSON.stringify(PACKAGE)}).then(async ({ run }) => {
      for (let i = 0; i < 80; i++) await run('true')
      console.log('all')
    })`
    const line = 'ulimit -n 64; exec "$0" -e "$1"'
    const outcome = await runCommand('bash', ['-c', line, process.execPath, script])
    // Its signal shows whether it was only too slow for this helper, which then kills it.
    expect(outcome).toEqual({ code: 0, signal: null, stdout: 'all\n', stderr: '' })
  })

  it('closes the descriptor of a command that has ended before its end is reported', async () => {
    const { stdout } = await runModule(`
      const { readdirSync } = await import('node:fs')
      const open = () => readdirSync('/proc/self/fd').length
      await tripline.run('true', [], { peaks: false })
      const before = open()
      const all = Array.from({ length: 40 }, () => tripline.run('true', [], { peaks: false }))
      for (let i = 0; i < 20; i++) await undefined
      // Nothing is reported while this thread waits.
      const word = new Int32Array(new SharedArrayBuffer(4))
      for (let i = 0; i < 1000 && open() - before > 10; i++) Atomics.wait(word, 0, 0, 10)
      console.log(open() - before)
      await Promise.all(all)`)
    expect(Number(stdout)).toBeLessThanOrEqual(10)
  })

  it('gives a command the descriptors that are shared with it', async () => {
    const file = join(folder, 'shared')
    const shared = openSync(file, 'w')
    await shell(`echo "$(ls /proc/self/fd | wc -l)" >&${shared}`, { shared: [shared] })
    closeSync(shared)
    expect(readFileSync(file, 'utf8')).toBe('5\n')
    await expect(shell('true', { shared: [4_000_000] })).rejects.toThrow('EBADF')
  })

  it('refuses a signal that does not exist, and the command goes on', async () => {
    const errors: unknown[] = []
    const onEvent = (event: RunEvent): void => {
      if (event.kind !== 'started') return
      for (const signal of ['SIGFOO', 15, undefined]) {
        try {
          event.command.signal(signal as never)
        } catch (error) {
          errors.push((error as NodeJS.ErrnoException).code)
        }
      }
    }
    expect(await shell('exit 3', { onEvent })).toMatchObject({ status: 3 })
    expect(errors).toEqual(['ERR_INVALID_ARG_VALUE', 'ERR_INVALID_ARG_VALUE', 'ERR_INVALID_ARG_VALUE'])
  })

  it('reports how a command ended', async () => {
    const result = await shell('exit 3')
    expect(result).toMatchObject({ command: 'bash', code: 3, signal: null, status: 3, reason: undefined, ended: 0 })
    expect(result.duration).toBeGreaterThan(0)
    expect(await shell('kill -SEGV $$')).toMatchObject({ code: null, signal: 'SIGSEGV', status: 139 })
  })

  it('takes streams, a folder and an environment', async () => {
    const file = join(folder, 'output')
    const output = openSync(file, 'w')
    await run('bash', ['-c', 'pwd; echo "$WORD"; echo error >&2; cat'], {
      cwd: folder,
      env: { PATH: process.env['PATH'], WORD: 'a  b' },
      stdio: ['ignore', output, output],
    })
    closeSync(output)
    expect(readFileSync(file, 'utf8')).toBe(`${folder}\na  b\nerror\n`)
  })

  it('passes no descriptors but the three streams to the command, and default signal actions', async () => {
    const file = join(folder, 'inherited')
    const secret = openSync(file, 'w')
    const line = `ls /proc/self/fd | wc -l; grep -E 'SigBlk|SigIgn' /proc/self/status`
    const output = openSync(join(folder, 'seen'), 'w')
    await run('bash', ['-c', line], { stdio: ['ignore', output, 'ignore'] })
    closeSync(output)
    closeSync(secret)
    // The three streams, and the directory that ls itself has open.
    expect(readFileSync(join(folder, 'seen'), 'utf8')).toBe('4\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n')
  })

  it('ends the tree when a limit on it is crossed, with the proof and the peaks', async () => {
    const tag = makeTag()
    const events: RunEvent['kind'][] = []
    const result = await shell(`sleep ${tag} & sleep ${tag} & wait`, {
      limits: { 'process.count': 2 },
      onEvent: (event) => events.push(event.kind),
    })
    expect(result).toMatchObject({ status: 123, ended: 3, peaks: { processes: 3 } })
    expect(result.reason).toMatchObject({ kind: 'resource', breach: { metric: 'process.count', value: 3, limit: 2 } })
    expect(result.reason!.message).toMatch(/^process\.count 3 > 2/)
    expect(events).toEqual(['started', 'ending'])
    expect(processesWith(tag)).toEqual([])
  })

  it('counts the memory and the CPU time of the tree without its supervisor', async () => {
    const hold = `python3 -c 'x = bytearray(60*10**6)\nfor i in range(6*10**6): pass\nimport time; time.sleep(0.5)'`
    const { peaks, cpuTime } = await shell(`${hold} & ${hold} & wait`)
    expect(peaks.memory).toBeGreaterThan(120e6)
    expect(peaks.memory).toBeLessThan(200e6)
    expect(peaks.processes).toBeGreaterThanOrEqual(3)
    expect(cpuTime).toBeGreaterThan(100)
  })

  it('does not end a command that is over before its limit can be watched', async () => {
    const results = []
    for (let i = 0; i < 20; i++) results.push(await run('true', [], { limits: { 'process.footprint': '1GB' } }))
    expect(results.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 0))
  })

  it('is ended by a token', async () => {
    const token = new CancelationToken()
    const running = shell('sleep 60', { token, onEvent: ({ kind }) => kind === 'started' && token.cancel('enough') })
    expect(await running).toMatchObject({
      signal: 'SIGTERM',
      status: 143,
      reason: { kind: 'manual', message: 'enough' },
    })
  })

  it('is part of its parent operation, which ends after the last process of the command', async () => {
    const tag = makeTag()
    const operation = new Cancelable({ timeout: 300, grace: '20s' })
    const error: unknown = await operation
      .run((cancel) => shell(`setsid sleep ${tag} & sleep ${tag}`, { parent: cancel }))
      .then((result) => result)
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({ status: 124, reason: { kind: 'parent', parent: { kind: 'timeout' } } })
    expect(processesWith(tag)).toEqual([])
  })

  it('does not start the command if it is canceled already', async () => {
    const token = new CancelationToken()
    token.cancel()
    await expect(run('touch', [join(folder, 'never')], { token })).rejects.toMatchObject({
      code: 'ERR_TRIPLINE_CANCELED',
    })
    expect(() => readFileSync(join(folder, 'never'))).toThrow('ENOENT')
  })

  it('rejects invalid options and names them', async () => {
    await expect(bad({ timeut: 1 })).rejects.toThrow("Did you mean 'timeout'?")
    await expect(bad({ onBreach: 'cry' })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    await expect(bad({ shared: [2] })).rejects.toThrow('"shared" option must be descriptors from 3 on. Received 2')
    await expect(bad({ shared: 3 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    await expect(bad({ env: null })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    await expect(bad({ env: ['A=b'] })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    await expect(bad({ env: { TITLE: 'a\0B=c' } })).rejects.toThrow('"env.TITLE" option must be without NUL')
    await expect(bad({ env: { 'A\0B': 'c' } })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    await expect(bad({ env: { 'A=B': 'c' } })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    await expect(bad({ env: { A: {} } })).rejects.toThrow('"env.A" option must be a string')
    await expect(bad({ onEvent: 1 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    await expect(run('a\0b')).rejects.toThrow('without NUL')
    await expect(run('true', [1 as unknown as string])).rejects.toThrow('args[0]')
    // An array with a hole.
    await expect(run('true', Object.assign<string[], object>([], { length: 1 }))).rejects.toThrow('args[0]')
    await expect(bad({ limits: { 'process.rss': { above: 1, pid: 2 ** 22 } } })).rejects.toMatchObject({
      code: 'ERR_TRIPLINE_METRIC_UNAVAILABLE',
    })
  })

  it('passes numbers in an environment as text', async () => {
    const env = {
      PATH: process.env['PATH'],
      COUNT: 3,
      RATE: 0.5,
      SET: true,
      NOT: undefined,
    } as unknown as NodeJS.ProcessEnv
    expect((await shell('[ "$COUNT $RATE $SET ${NOT-unset}" = "3 0.5 true unset" ]', { env })).status).toBe(0)
  })

  it.each([
    ['started', {}],
    ['ending', { timeout: 100, killAfter: 100 }],
    ['would-end', { timeout: 100, dryRun: true }],
    ['paused', { limits: { 'memory.available': '1000TB' }, onBreach: 'pause' }],
  ] as const)('ends the command and rejects if onEvent throws at "%s"', async (kind, options) => {
    const tag = makeTag()
    const error = new Error('thrown by onEvent')
    const onEvent = (event: RunEvent): void => {
      if (event.kind === kind) throw error
    }
    await expect(shell(`(setsid sleep ${tag} &); sleep ${tag}`, { ...options, onEvent })).rejects.toBe(error)
    expect(processesWith(tag)).toEqual([])
  })

  it('reports why a command could not be started', async () => {
    await expect(run('no-such-command')).rejects.toMatchObject({ code: 'ERR_TRIPLINE_NOT_STARTED', kind: 'not-found' })
    await expect(run(folder)).rejects.toMatchObject({ code: 'ERR_TRIPLINE_NOT_STARTED', kind: 'not-executable' })
    await expect(run('true', [], { cwd: '/no/such' })).rejects.toThrow('chdir: ENOENT')
  })

  it('runs many commands at once, next to child processes of Node', async () => {
    const own = runModule(`
      import { spawn } from 'node:child_process'
      import { once } from 'node:events'
      const theirs = Array.from({ length: 20 }, (_, i) => once(spawn('sh', ['-c', 'sleep 0.' + i + '; exit ' + i]), 'exit'))
      const ours = Array.from({ length: 20 }, (_, i) => tripline.run('sh', ['-c', 'sleep 0.' + i + '; exit ' + i]))
      const codes = [...(await Promise.all(theirs)).map(([code]) => code), ...(await Promise.all(ours)).map(({ code }) => code)]
      console.log(codes.join())`)
    const numbers = Array.from({ length: 20 }, (_, i) => i)
    expect(await own).toMatchObject({ code: 0, stdout: `${[...numbers, ...numbers].join()}\n`, stderr: '' })
  })
})

describe('nothing outlives', () => {
  it.each([
    ['process.exit', 'process.exit(3)', 3],
    ['an uncaught error', 'throw new Error("on purpose")', 1],
    ['an abort', 'process.abort()', null],
  ])('%s', async (_name, end, code) => {
    const tag = makeTag()
    const outcome = await runModule(`${forEver(tag)}; setTimeout(() => { ${end} }, 300)`)
    expect(outcome.code).toBe(code)
    await eventually(() => processesWith(tag).length === 0)
  })

  it('a worker that is terminated', async () => {
    const tag = makeTag()
    const worker = new Worker(`import(${JSON.stringify(PACKAGE)}).then((tripline) => { ${forEver(tag)} })`, {
      eval: true,
    })
    await eventually(() => processesWith(tag).length > 0)
    await worker.terminate()
    await eventually(() => processesWith(tag).length === 0)
  })
})
