/** What a recording says of the signal that ended its process, and that nothing else about signals changes. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { lastRun } from '../../src/index.js'
import { PACKAGE, ROOT } from '../helpers/child.js'
import { readRecording } from '../helpers/read-recording.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-record-'))
afterAll(() => rmSync(folder, { recursive: true }))
let count = 0
const nextFile = (): string => join(folder, `${++count}.recording`)

interface Ended {
  readonly file: string
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
}

/** Runs a module, which sends a message when it is ready, and sends it `sent` then. */
async function runSignaled(
  source: string,
  sent?: NodeJS.Signals,
  { shell, args = [] }: { shell?: string; args?: readonly string[] } = {},
): Promise<Ended> {
  const file = nextFile()
  const module = `
    import * as tripline from ${JSON.stringify(PACKAGE)}
    const file = process.argv[1]
    const start = () => tripline.record({ file, interval: 10 })
    const stay = () => setInterval(() => 0, 1000)
    const ready = () => process.send('ready')
    ${source}`
  const node = [...args, '--input-type=module', '-e', module, file]
  // No core dumps from here.
  const script = `ulimit -c 0; ${shell ?? ''} exec "$0" "$@"`
  const child = spawn('/bin/sh', ['-c', script, process.execPath, ...node], {
    stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
  })
  let output = ''
  child.stdout!.on('data', (data: Buffer) => (output += data.toString()))
  if (sent !== undefined) child.once('message', () => child.kill(sent))
  return new Promise((resolve) => child.once('close', (code, signal) => resolve({ file, code, signal, output })))
}

const statesOf = (file: string): unknown[] =>
  readRecording(file)
    .states.slice(1)
    .map(({ kind, number, text }) => [kind, number, text])

const markOf = (signal: NodeJS.Signals): unknown[] => ['signal', constants.signals[signal], signal]

/** What ends a process of Node.js; SIGUSR1 opens its inspector. */
const FATAL = [
  'SIGTERM',
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
  'SIGABRT',
  'SIGSEGV',
  'SIGBUS',
  'SIGFPE',
  'SIGILL',
  'SIGTRAP',
  'SIGSYS',
  'SIGXCPU',
  'SIGUSR2',
] as const satisfies readonly NodeJS.Signals[]

describe.skipIf(process.platform === 'win32')('a process that a signal ends', () => {
  it.each(FATAL)('notes %s, and ends as ever', async (sent) => {
    const { file, signal } = await runSignaled('start(); stay(); ready()', sent)
    expect(signal).toBe(sent)
    expect(statesOf(file)).toEqual([markOf(sent)])
    expect(lastRun(file)).toMatchObject({ end: 'signal', certainty: 'proved', signal: sent })
  })

  it.each(FATAL)('notes %s while its loop is blocked', async (sent) => {
    const { file, signal } = await runSignaled('start(); process.send("ready", () => { for (;;); })', sent)
    expect(signal).toBe(sent)
    expect(statesOf(file)).toEqual([markOf(sent)])
  })

  it('notes the signal of process.abort() and of a call that it makes itself', async () => {
    const aborted = await runSignaled('start(); process.abort()')
    expect(aborted.signal).toBe('SIGABRT')
    expect(statesOf(aborted.file)).toEqual([markOf('SIGABRT')])
    const killed = await runSignaled('start(); stay(); process.kill(process.pid, "SIGHUP")')
    expect(killed.signal).toBe('SIGHUP')
    expect(statesOf(killed.file)).toEqual([markOf('SIGHUP')])
  })

  it('notes the signal of --abort-on-uncaught-exception', async () => {
    const { file, signal } = await runSignaled('start(); setTimeout(() => { throw new Error() })', undefined, {
      args: ['--abort-on-uncaught-exception'],
    })
    expect(['SIGILL', 'SIGTRAP', 'SIGABRT']).toContain(signal)
    expect(statesOf(file)).toEqual([markOf(signal!)])
  })

  it('is explained', async () => {
    const { file } = await runSignaled('start(); stay(); ready()', 'SIGTERM')
    const child = spawn(process.execPath, [join(ROOT, 'dist/cli/main.js'), 'explain', file])
    let text = ''
    child.stdout.on('data', (data: Buffer) => (text += data.toString()))
    await new Promise((resolve) => child.once('close', resolve))
    expect(text).toContain('SIGTERM')
    expect(text).toContain('It recorded that it received SIGTERM.')
  })

  it('notes it in all of its recordings, and in those of its workers', async () => {
    const cjs = JSON.stringify(PACKAGE.replace('file://', '').replace('index.js', 'index.cjs'))
    const source = `
      import { Worker } from 'node:worker_threads'
      start()
      tripline.record({ file: file + '.second', interval: 10 })
      tripline.record({ file: file + '.closed', interval: 10 }).close()
      const worker = new Worker(
        'const { parentPort, workerData } = require("node:worker_threads"); require(' + ${JSON.stringify(cjs)} +
          ').record({ file: workerData + ".worker", interval: 10 }); parentPort.postMessage(1); setInterval(() => 0, 1000)',
        { eval: true, execArgv: [], workerData: file },
      )
      worker.once('message', ready)`
    const { file, signal } = await runSignaled(source, 'SIGTERM')
    expect(signal).toBe('SIGTERM')
    for (const each of ['', '.second', '.worker']) expect(statesOf(file + each)).toEqual([markOf('SIGTERM')])
    expect(statesOf(`${file}.closed`)).toEqual([['closed', 0, '']])
  })
})

describe.skipIf(process.platform === 'win32')('signals of a process that is recorded', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const)('%s reaches listeners, in any order', async (sent) => {
    const listen = `process.on('${sent}', () => { console.log('listener'); process.exit(7) })`
    for (const source of [`start(); ${listen}`, `${listen}; start()`, `const r = start(); ${listen}; r.close()`]) {
      const { file, code, output } = await runSignaled(`${source}; stay(); ready()`, sent)
      expect([code, output]).toEqual([7, 'listener\n'])
      expect(statesOf(file).flat()).not.toContain('signal')
    }
  })

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2'] as const)(
    '%s is noted once its last listener is gone',
    async (sent) => {
      const on = `process.on('${sent}', listener)`
      const off = `process.off('${sent}', listener)`
      for (const source of [`start(); ${on}; ${off}`, `${on}; start(); ${off}`, `${on}; ${off}; start()`]) {
        const { file, signal } = await runSignaled(`const listener = () => 0; ${source}; stay(); ready()`, sent)
        expect(signal).toBe(sent)
        expect(statesOf(file)).toEqual([markOf(sent)])
      }
      const twice = `process.once('${sent}', () => process.kill(process.pid, '${sent}'))`
      const { file, signal } = await runSignaled(`start(); ${twice}; stay(); ready()`, sent)
      expect(signal).toBe(sent)
      expect(statesOf(file)).toEqual([markOf(sent)])
    },
  )

  it('stay ignored where they were', async () => {
    const source = `
      start()
      setTimeout(() => process.exit(5), 200)
      process.kill(process.pid, 'SIGHUP')`
    const { code, file } = await runSignaled(source, undefined, { shell: "trap '' HUP;" })
    expect(code === 5).toBe(statesOf(file).flat().includes('exit'))
    // Some versions of Node.js reset ignored signals when they start.
    if (code !== 5) expect(statesOf(file)).toEqual([markOf('SIGHUP')])
  })

  it('are as before once it is closed', async () => {
    for (const sent of ['SIGTERM', 'SIGQUIT', 'SIGSEGV'] as const) {
      const { file, signal } = await runSignaled('start().close(); stay(); ready()', sent)
      expect(signal).toBe(sent)
      expect(statesOf(file)).toEqual([['closed', 0, '']])
    }
  })

  it('have their default action in its children', async () => {
    const source = `
      import { spawn } from 'node:child_process'
      start()
      const child = spawn('sh', ['-c', 'kill -s TERM $$; sleep 60'])
      child.once('close', (code, signal) => { console.log(signal); process.exit(0) })`
    const { output, file } = await runSignaled(source)
    expect(output).toBe('SIGTERM\n')
    expect(statesOf(file)).toEqual([['exit', 0, '']])
  })

  it('leave the traps of WebAssembly to the program', async () => {
    // (func (export "f") (i32.load (i32.const 1000000)) drop), with a memory of one page
    const source = `
      const bytes = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 5, 1, 1, 102, 0, 0,
        10, 12, 1, 10, 0, 65, 192, 132, 61, 40, 2, 0, 26, 11])
      start()
      const { f } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports
      try { f() } catch (error) { console.log(error.name) }
      stay(); ready()`
    const { file, signal, output } = await runSignaled(source, 'SIGSEGV')
    expect(output).toBe('RuntimeError\n')
    expect(signal).toBe('SIGSEGV')
    expect(statesOf(file)).toEqual([markOf('SIGSEGV')])
  })
})
