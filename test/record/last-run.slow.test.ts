/** Real programs that record themselves and are ended in every way; the verdict on each. */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, rmdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { UnreadableRecordingError, lastRun, record, type LastRun } from '../../src/index.js'
import { readKernelLog } from '../../src/base/kernel-log.js'
import { collectEvidence } from '../../src/record/evidence.js'
import { parseRecording, readRecording, type RecordedFile } from '../../src/record/reader.js'
import { judge, type RunVerdict } from '../../src/record/verdict.js'
import { MemoryGroup, NO_MEMORY_GROUP } from '../helpers/cgroup.js'
import { PACKAGE } from '../helpers/child.js'
import { tripline } from '../helpers/cli.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-last-run-'))
const children = new Set<ChildProcess>()
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
})
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
const newFile = (): string => join(folder, `${++files}.recording`)

interface Running {
  readonly child: ChildProcess
  readonly file: string
  readonly ended: Promise<unknown>
}

/** Starts a program that records itself, in a control group if one is given, and waits until it does. */
async function start(body: string, enter?: string): Promise<Running> {
  const file = newFile()
  const source = `
    import { Cancelable, record } from ${JSON.stringify(PACKAGE)}
    record({ file: process.argv[1], interval: 20, last: '2s' })
    Cancelable.run((cancel) => cancel.sleep('1h'), { name: 'import' }).catch(() => {})
    const hold = setInterval(() => {}, 1e6)
    const hog = () => { const kept = []; for (;;) kept.push(Buffer.alloc(4e6, 1)) }
    process.on('message', () => { ${body} })
    process.send('ready')`
  const words = [process.execPath, '--input-type=module', '-e', source, file]
  const line = enter === undefined ? 'exec "$@"' : `echo $$ >${enter} && exec "$@"`
  const child = spawn('sh', ['-c', line, 'sh', ...words], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  children.add(child)
  const ended = new Promise((resolve) => child.once('close', resolve))
  await new Promise((resolve) => child.once('message', resolve))
  // A few rows.
  await new Promise((resolve) => setTimeout(resolve, 100))
  return { child, file, ended }
}

/** Lets it run its body, and returns the file once it has ended. */
async function endOf({ child, file, ended }: Running): Promise<string> {
  child.send('go')
  await ended
  return file
}
const ended = async (body: string, enter?: string): Promise<LastRun> => lastRun(await endOf(await start(body, enter)))!

describe('a program that records itself', () => {
  it.each<[string, string, Partial<LastRun>]>([
    [
      'exits by itself',
      'clearInterval(hold); process.disconnect(); process.exitCode = 0; process.exit()',
      { end: 'clean', exitCode: 0 },
    ],
    ['exits with a code', 'process.exit(3)', { end: 'exit', exitCode: 3 }],
    [
      'throws',
      "throw Object.assign(new TypeError('secret'), { code: 'ERR_X' })",
      { end: 'error', error: 'TypeError [ERR_X]', exitCode: 1 },
    ],
    ['rejects', "void Promise.reject(new RangeError('secret'))", { end: 'error', error: 'RangeError', exitCode: 1 }],
    [
      'is ended by SIGTERM without a listener',
      "process.kill(process.pid, 'SIGTERM')",
      { end: 'signal', signal: 'SIGTERM', exitCode: undefined },
    ],
    ['aborts', 'process.abort()', { end: 'signal', signal: 'SIGABRT', exitCode: undefined }],
  ])('leaves a mark if it %s', async (_, body, expected) => {
    const run = await ended(body)
    expect(run).toMatchObject({ ...expected, certainty: 'proved' })
    expect(JSON.stringify(run)).not.toContain('secret')
  })

  it.each([
    ['SIGKILL', "process.kill(process.pid, 'SIGKILL')"],
    [
      'SIGKILL with a blocked loop',
      "setTimeout(() => {}, 0); const end = Date.now() + 100; while (Date.now() < end); process.kill(process.pid, 'SIGKILL')",
    ],
  ])('leaves none if it is ended by %s', async (_, body) => {
    const run = await ended(body)
    expect(run).toMatchObject({ end: 'unknown', certainty: undefined, program: process.execPath })
    expect(run.operations).toMatchObject([{ name: 'import', state: 'running' }])
    expect(run.samples.length).toBeGreaterThan(0)
    expect(run.skipped.rows).toBeLessThanOrEqual(1)
  })

  it('is running until it has ended, also while its loop is blocked', async () => {
    const running = await start('for (;;);')
    expect(lastRun(running.file)!.end).toBe('running')
    running.child.send('go')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(lastRun(running.file)!.end).toBe('running')
    running.child.kill('SIGKILL')
    await running.ended
    expect(lastRun(running.file)!.end).toBe('unknown')
  })
})

describe('lastRun()', () => {
  it('finds the run before this one, by its file', async () => {
    const file = await endOf(await start('process.exit(4)'))
    {
      using recording = record({ file })
      expect(lastRun(recording.file)).toMatchObject({ end: 'exit', exitCode: 4, file: `${file}.previous` })
    }
    expect(lastRun(file)).toMatchObject({ end: 'closed', pid: process.pid })
  })

  it('finds nothing where nothing was recorded', () => {
    expect(lastRun(newFile())).toBeUndefined()
    const file = newFile()
    using recording = record({ file })
    expect(lastRun(recording.file)).toBeUndefined()
  })

  it('finds the last run of the same program in the folder of recordings', async () => {
    const TRIPLINE_RECORDINGS = join(folder, 'kept')
    const program = join(folder, 'program.mjs')
    writeFileSync(
      program,
      `import { lastRun, record } from ${JSON.stringify(PACKAGE)}
       const last = lastRun()
       record()
       console.log(last?.end, last?.exitCode)
       process.exit(Number(process.argv[2]))`,
    )
    const env = { ...process.env, TRIPLINE_RECORDINGS }
    const run = (code: string): Promise<string> =>
      new Promise((resolve) => {
        let output = ''
        const child = spawn(process.execPath, [program, code], { env, stdio: ['ignore', 'pipe', 'inherit'] })
        child.stdout.on('data', (data) => (output += String(data)))
        child.once('close', () => resolve(output.trim()))
      })
    expect(await run('5')).toBe('undefined undefined')
    expect(await run('0')).toBe('exit 5')
    expect(await run('0')).toBe('clean 0')
  })

  it('checks its argument', () => {
    for (const wrong of [5, null, {}]) {
      expect(() => lastRun(wrong as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }))
    }
    for (const wrong of ['', 'a\0b']) {
      expect(() => lastRun(wrong)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
    }
    expect(() => lastRun(folder)).toThrow(
      expect.objectContaining({ code: 'ERR_TRIPLINE_RECORDING_UNREADABLE', kind: 'not-a-file' }),
    )
  })
})

describe('a real recording that was damaged', () => {
  it('is read in part or refused', () => {
    const file = newFile()
    {
      using recording = record({ file, last: '1s', interval: 10 })
      recording.mark('x'.repeat(1000))
    }
    const original = readFileSync(file)
    const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(place, fc.integer({ min: 1, max: 255 })), { maxLength: 20 }),
        place,
        (flips, end) => {
          const bytes = Buffer.from(original)
          for (const [at, bits] of flips) bytes[Math.floor(at * bytes.length)]! ^= bits
          const whole = parseOrRefuse(bytes)
          if (whole !== undefined) expect(whole.skipped.rows).toBeLessThanOrEqual(flips.length)
          expect(parseOrRefuse(bytes.subarray(0, Math.floor(end * bytes.length)))).toBeUndefined()
        },
      ),
      { numRuns: 500 },
    )
  })
})

function parseOrRefuse(bytes: Uint8Array): RecordedFile | undefined {
  try {
    return parseRecording(bytes, 'damaged')
  } catch (error) {
    expect(error).toBeInstanceOf(UnreadableRecordingError)
    return undefined
  }
}

describe('tripline explain', () => {
  it('takes the newest recording whose process has ended', async () => {
    process.env['TRIPLINE_RECORDINGS'] = join(folder, 'newest')
    try {
      const { code, stderr } = await tripline('explain')
      expect(code).toBe(1)
      expect(stderr).toContain(join(folder, 'newest'))
      record().close()
      const { stdout } = await tripline('explain')
      expect(stdout).toContain('It closed the recording')
      using running = record()
      expect(running.closed).toBe(false)
      expect((await tripline('explain')).stdout).toContain('It closed the recording')
    } finally {
      delete process.env['TRIPLINE_RECORDINGS']
    }
  })
})

/** The verdict of a reader that may not read the kernel's log. */
function withoutLog(file: string): RunVerdict {
  const content = readRecording(file)
  return judge(content, { ...collectEvidence(content), log: undefined })
}
const LOG = readKernelLog() !== undefined

describe.skipIf(NO_MEMORY_GROUP)('a program in a control group', () => {
  const groups: MemoryGroup[] = []
  const newGroup = (): MemoryGroup => {
    const group = new MemoryGroup(180e6)
    groups.push(group)
    return group
  }
  afterEach(async () => {
    for (const child of children) child.kill('SIGKILL')
    for (const group of groups.splice(0)) if (existsSync(group.enter)) await group.remove()
  })

  // Most of the memory first, and time for rows, so that the last row shows it.
  const most = 'const most = Buffer.alloc(1e8, 1);'
  it.each([
    ['free', `${most} const kept = []; setTimeout(() => setInterval(() => kept.push(Buffer.alloc(4e6, 1)), 1), 1000)`],
    ['blocked', `${most} Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000); hog(); most.at(0)`],
  ])('that the kernel kills for memory with a %s loop is known to be', async (_, body) => {
    const group = newGroup()
    const file = await endOf(await start(body, group.enter))
    expect(group.killed).toBe(1)
    // The counts of the group prove it, with the kernel's log and without.
    for (const each of [lastRun(file)!, withoutLog(file)])
      expect(each, each.proofs.join(' ')).toMatchObject({ end: 'oom', certainty: 'proved', signal: 'SIGKILL' })
  })

  it('that is killed while a sibling runs out of memory is not', async () => {
    const group = newGroup()
    const running = await start('', group.enter)
    const hog = spawn('sh', ['-c', `echo $$ >${group.enter} && exec python3 -c 'b = bytearray(10**9)'`])
    await new Promise((resolve) => hog.once('close', resolve))
    running.child.kill('SIGKILL')
    await running.ended
    expect(group.killed).toBe(1)
    // Only the log can exclude that it was this process.
    expect(lastRun(running.file)!.end).toBe(LOG ? 'unknown' : withoutLog(running.file).end)
    expect(withoutLog(running.file).certainty).not.toBe('proved')
  })

  it('that is killed in a fresh group of the same name proves nothing', async () => {
    const group = newGroup()
    const path = group.enter.replace(/\/cgroup\.procs$/, '')
    const file = await endOf(await start('hog()', group.enter))
    await group.remove()
    expect(withoutLog(file)).toMatchObject({ end: 'unknown' })
    expect(withoutLog(file).proofs.join(' ')).toContain('is gone')
    mkdirSync(path)
    expect(withoutLog(file)).toMatchObject({ end: 'unknown' })
    expect(withoutLog(file).proofs.join(' ')).toContain('made anew')
    rmdirSync(path)
    // The log knows the process, whatever became of its group.
    expect(lastRun(file)).toMatchObject(LOG ? { end: 'oom', certainty: 'proved' } : { end: 'unknown' })
  })
})
