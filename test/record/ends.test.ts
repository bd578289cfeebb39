/** What a recording holds after its process has ended, in each way. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { lastRun } from '../../src/index.js'
import { PACKAGE, runModule } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'
import { readRecording, type ReadNote } from '../helpers/read-recording.js'
import { killAtRandom } from './killed.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-record-'))
afterAll(() => rmSync(folder, { recursive: true }))
let count = 0
const nextFile = (): string => join(folder, `${++count}.recording`)

/** Runs a module that records to a file. Returns the file and how the process ended. */
async function runRecorded(source: string, options = ''): Promise<{ file: string; code: number | null }> {
  const file = nextFile()
  const { code } = await runModule(
    `const recording = tripline.record({ file: ${JSON.stringify(file)}, interval: 10, ${options} })\n${source}`,
  )
  return { file, code }
}

const kindsOf = (notes: readonly ReadNote[]): string[] => notes.map(({ kind }) => kind)
const WAIT = 'await new Promise((resolve) => setTimeout(resolve, 100))'

describe('a process that ends by itself', () => {
  it('leaves the code of process.exit()', async () => {
    const { file, code } = await runRecorded(`${WAIT}; process.exit(3)`)
    expect(code).toBe(3)
    const { states, rows, torn, info } = readRecording(file)
    expect(states.map(({ kind, number }) => [kind, number])).toEqual([
      ['running', info.pid],
      ['exit', 3],
    ])
    expect([rows.length > 1, torn]).toEqual([true, 0])
    expect(rows.at(-1)!.values['process.rss']).toBeGreaterThan(1e7)
  })

  it('leaves the code 0 where nothing is left to do: the recorder keeps no process alive', async () => {
    const { file, code } = await runRecorded('')
    expect(code).toBe(0)
    expect(readRecording(file).states.at(-1)).toMatchObject({ kind: 'exit', number: 0 })
  })

  it('leaves the code 13 where an await never ends', async () => {
    const { file, code } = await runRecorded('await new Promise(() => {})')
    expect(code).toBe(13)
    expect(readRecording(file).states.at(-1)).toMatchObject({ kind: 'exit', number: 13, a: NaN })
  })

  it.each(['process.exitCode = 3', 'process.exit(3)'])(
    'says that a listener came after the mark, here with %s',
    async (last) => {
      const { file, code } = await runRecorded(`process.on('exit', () => { ${last} })`)
      expect(code).not.toBe(0)
      expect(lastRun(file)).toMatchObject({ end: 'clean', certainty: 'likely', exitCode: 0 })
    },
  )

  it.each(["process.on('uncaughtException', () => {})", 'process.setUncaughtExceptionCaptureCallback(() => {})'])(
    'is not ended by an error that it goes on after, with %s',
    async (listener) => {
      const source = `${listener}; setTimeout(() => { throw new TypeError() }); setTimeout(() => process.kill(process.pid, 'SIGKILL'), 100)`
      const { file } = await runRecorded(source)
      expect(kindsOf(readRecording(file).states)).toEqual(['running', 'uncaught'])
      expect(lastRun(file)?.end).toBe('unknown')
    },
  )

  it('leaves the error that was not caught, without its message, and behaves as ever', async () => {
    const { file, code } = await runRecorded(`throw Object.assign(new TypeError('my secret'), { code: 'E_MINE' })`)
    expect(code).toBe(1)
    const { states } = readRecording(file)
    expect(kindsOf(states)).toEqual(['running', 'uncaught', 'exit'])
    expect(states[1]!.text).toBe('TypeError [E_MINE]')
  })

  it('leaves the message where metadata is recorded', async () => {
    const { file } = await runRecorded(`Promise.reject(new Error('my secret')); ${WAIT}`, 'metadata: true')
    expect(readRecording(file).states[1]).toMatchObject({ kind: 'uncaught', text: 'Error: my secret' })
  })

  it('is marked as closed by close(), after which nothing is recorded', async () => {
    const { file } = await runRecorded(`recording.close(); recording.close(); ${WAIT}; process.exit(4)`)
    expect(kindsOf(readRecording(file).states)).toEqual(['running', 'closed'])
  })
})

describe('a process that is ended', () => {
  it('leaves whole rows up to the last moment', async () => {
    await killAtRandom(folder, 5)
  }, 60_000)

  it('has rows that say for how long its loop had not answered', async () => {
    const file = nextFile()
    const source = `
      import { record } from ${JSON.stringify(PACKAGE)}
      record({ file: process.argv[1], interval: 20 })
      setTimeout(function spin() { for (;;); }, 200)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', source, file], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    await eventually(() => {
      if (!existsSync(file)) return false
      const { rows, entries } = readRecording(file)
      return entries.length > 0 && (rows.at(-1)?.silence ?? 0) > 300
    })
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('close', resolve))
    const { rows, states, entries } = readRecording(file)
    expect(entries.map(({ kind, text }) => [kind, text.split(' ')[0]])).toEqual([['blocked', 'spin']])
    expect(rows.some(({ silence }) => silence === 0)).toBe(true)
    expect(rows.at(-1)!.silence).toBeGreaterThan(300)
    expect(kindsOf(states)).toEqual(['running'])
  })
})

describe('a worker', () => {
  it('has a recording of its own, which is closed when it is terminated', async () => {
    const { file } = await runRecorded(`
      import { Worker } from 'node:worker_threads'
      const file = ${JSON.stringify(join(folder, 'worker'))}
      const source = 'require(${JSON.stringify(PACKAGE.replace('file://', '').replace('index.js', 'index.cjs'))}).record({ file: require("node:worker_threads").workerData, interval: 10 }); require("node:worker_threads").parentPort.postMessage(1); setInterval(() => 0, 1000)'
      const worker = new Worker(source, { eval: true, execArgv: [], workerData: file })
      await new Promise((resolve) => worker.once('message', resolve))
      await worker.terminate()
      process.exit(5)`)
    const worker = readRecording(join(folder, 'worker'))
    expect(worker.info.thread).toBeGreaterThan(0)
    expect(worker.states.at(-1)).toMatchObject({ kind: 'closed', number: 1 })
    expect(readRecording(file).states.at(-1)).toMatchObject({ kind: 'exit', number: 5 })
  })
})

describe('the file', () => {
  it('is only for its user, and has its whole size from the start', async () => {
    const { file } = await runRecorded('process.kill(process.pid, "SIGKILL")')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(file).blocks * 512).toBeGreaterThanOrEqual(statSync(file).size)
  })
})
