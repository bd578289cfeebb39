/** `record()` in this process: what is in its file, and what it refuses. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import {
  Cancelable,
  CancelationToken,
  guard,
  record,
  samplerStats,
  type NotRecordedError,
  type Recording,
  type RecordOptions,
} from '../../src/index.js'
import { DEFAULT_METRICS } from '../../src/record/record.js'
import { HEADER } from '../../src/record/format.js'
import { findLastRecording, nameOfRecording, removeOld } from '../../src/record/places.js'
import { ROOT, runModule } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'
import { MadeRecording } from '../helpers/recording.js'
import { readRecording, type ReadRow } from '../helpers/read-recording.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-record-'))
afterAll(() => rmSync(folder, { recursive: true }))
const open: Recording[] = []
afterEach(() => {
  for (const each of open.splice(0)) each.close()
})
let count = 0
const nextFile = (): string => join(folder, `${++count}.recording`)

function recordTo(file: string, options: RecordOptions = {}): Recording {
  const recording = record({ file, interval: 10, last: '10s', ...options })
  open.push(recording)
  return recording
}

/** Waits until the newest row is like this. */
async function untilRow(file: string, check: (row: ReadRow) => boolean): Promise<void> {
  await eventually(() => {
    const row = readRecording(file).rows.at(-1)
    return row !== undefined && check(row)
  }, check.toString())
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void
  const promise = new Promise<void>((settle) => (resolve = settle))
  return { promise, resolve: resolve! }
}

function refusal(file: string): Pick<NotRecordedError, 'code' | 'kind' | 'message'> {
  try {
    recordTo(file)
  } catch (error) {
    return error as NotRecordedError
  }
  throw new Error('was not refused')
}

describe('what is recorded', () => {
  it('operations under way, with names, progress and cancelation', async () => {
    const file = nextFile()
    recordTo(file)
    const token = new CancelationToken()
    const { promise: body, resolve: finish } = deferred()
    const run = Cancelable.run(
      (cancel) => {
        cancel.reportProgress({ done: 1, total: 4 })
        return body
      },
      { name: 'import/rows', token, grace: '1h' },
    ).catch(() => undefined)
    using unnamed = new Cancelable()
    unnamed.enter()
    await untilRow(file, ({ operations }) => operations === 2)
    const { rows, underWay } = readRecording(file)
    expect(rows.at(-1)!.longest).toEqual([
      { name: 'import/rows', progress: 0.25 },
      { name: undefined, progress: NaN },
    ])
    expect(underWay.map(({ name, number, state }) => [name, number > 0, state])).toEqual([
      ['import/rows', true, 1],
      [undefined, true, 1],
    ])
    token.cancel('enough')
    await eventually(() => readRecording(file).underWay.some(({ state }) => state === 2))
    finish()
    await run
    unnamed.complete()
    unnamed[Symbol.dispose]()
    await untilRow(file, ({ operations }) => operations === 0)
    expect(readRecording(file).underWay).toEqual([])
    const entry = readRecording(file).entries.find(({ kind }) => kind === 'cancel')!
    expect([entry.text, entry.number > 0]).toEqual(['manual', true])
  })

  it('more operations than there are slots: all are counted, and the oldest are described', async () => {
    const file = nextFile()
    recordTo(file)
    const token = new CancelationToken()
    const runs = Array.from({ length: 500 }, (_, index) =>
      Cancelable.run((cancel) => cancel.sleep('1h'), { name: `many ${index}`, token }).catch(() => undefined),
    )
    await untilRow(file, ({ operations }) => operations === 500)
    const { rows } = readRecording(file)
    expect(rows.at(-1)!.longest.map(({ name }) => name)).toEqual(['many 0', 'many 1', 'many 2', 'many 3'])
    token.cancel()
    await Promise.all(runs)
    await untilRow(file, ({ operations }) => operations === 0)
    // Not one entry per operation.
    const cancelations = readRecording(file).entries.filter(({ kind }) => kind === 'cancel')
    expect(cancelations.length).toBeLessThanOrEqual(32)
  })

  it('without waking the sampling thread more often than it reads', async () => {
    const file = nextFile()
    recordTo(file, { interval: 20, metrics: ['process.rss', 'memory'] })
    await untilRow(file, ({ sequence }) => sequence > 5)
    const sequence = (): number => readRecording(file).rows.at(-1)!.sequence
    const first = sequence()
    const { wakeups } = samplerStats()!
    await untilRow(file, (row) => row.sequence > first + 40)
    const woken = samplerStats()!.wakeups - wakeups
    // With a wake-up for each row beside that for the reads, these would be 80.
    expect(woken).toBeLessThan((sequence() - first) * 1.4)
  })

  it('nothing of operations where that is off', async () => {
    const file = nextFile()
    recordTo(file, { operations: false })
    using cancel = new Cancelable({ name: 'hidden' })
    cancel.enter()
    await untilRow(file, ({ sequence }) => sequence > 2)
    expect(readRecording(file).rows.at(-1)!.operations).toBe(0)
    expect(readFileSync(file).includes('hidden')).toBe(false)
  })

  it('guards, their limits, breaches and ends', async () => {
    const file = nextFile()
    recordTo(file, { metrics: ['memory.available'] })
    const low = guard({ 'memory.available': { below: 1 } }, { name: 'low' })
    const breached = guard({ 'process.rss': { above: '1KB' } })
    await untilRow(file, ({ guards }) => guards.includes('breached') && guards.includes('clear'))
    low.close()
    breached.close()
    await untilRow(file, ({ guards }) => guards.every((state) => state === 'none'))
    const { entries, rows } = readRecording(file)
    // A busy machine may block the loop meanwhile.
    const kinds = entries.map(({ kind }) => kind).filter((kind) => kind !== 'blocked')
    expect(kinds.toSorted()).toEqual(['breach', 'guard', 'guard', 'unguard', 'unguard'])
    expect(JSON.parse(entries.find(({ kind }) => kind === 'guard')!.text)).toMatchObject({
      name: 'low',
      all: false,
      limits: [{ metric: 'memory.available', below: 1, unit: 'bytes' }],
    })
    const breach = entries.find(({ kind }) => kind === 'breach')!
    expect([breach.text, breach.b, breach.a > 1e6]).toEqual(['process.rss', 1000, true])
    expect(Object.keys(rows[0]!.values)).toEqual(['memory.available'])
  })

  it('texts of the program, however long', () => {
    const file = nextFile()
    const recording = recordTo(file)
    recording.mark('short')
    recording.mark('ü'.repeat(1000))
    recording.mark('x'.repeat(10_000))
    recording.close()
    const { entries } = readRecording(file)
    expect(entries.map(({ text }) => text)).toEqual(['short', 'ü'.repeat(1000), 'x'.repeat(16 * 206)])
  })

  it('only the last rows and entries, in a file that does not grow', async () => {
    const file = nextFile()
    const recording = recordTo(file, { last: '50ms' })
    const size = readFileSync(file).length
    for (let index = 0; index < 300; index++) recording.mark(`mark ${index}`)
    await untilRow(file, ({ sequence }) => sequence > 20)
    const { rows, entries, torn } = readRecording(file)
    expect([rows.length, torn, readFileSync(file).length]).toEqual([5, 0, size])
    expect(entries.at(-1)!.text).toBe('mark 299')
    expect(entries.length).toBe(128)
  })

  it('what recognizes the process later', () => {
    const file = nextFile()
    recordTo(file)
    const { info } = readRecording(file)
    expect(info).toMatchObject({ of: 'process', pid: process.pid, interval: 10, metadata: false })
  })

  it.runIf(process.platform === 'linux')('what recognizes the process later even if its number is used again', () => {
    const file = nextFile()
    recordTo(file)
    const { info } = readRecording(file)
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const started = readFileSync('/proc/self/stat', 'utf8').replace(/.*\) /s, '').split(' ')[19]
    expect([info.boot, info.startTicks]).toEqual([boot, Number(started)])
  })

  it('the operations of a million, with flat memory', async () => {
    const file = nextFile()
    const { stdout } = await runModule(
      `const recording = tripline.record({ file: ${JSON.stringify(file)}, interval: 10 })
      const round = () => { for (let i = 0; i < 250_000; i++) { const c = new tripline.Cancelable({ name: 'one' }); c.enter(); c[Symbol.dispose]() } }
      round()
      gc(); const before = process.memoryUsage()
      for (let i = 0; i < 4; i++) { round(); await new Promise(setImmediate) }
      gc(); const after = process.memoryUsage()
      console.log(after.heapUsed - before.heapUsed, after.arrayBuffers - before.arrayBuffers)`,
      { flags: ['--expose-gc'] },
    )
    const [heap, buffers] = stdout.trim().split(' ').map(Number)
    expect(heap).toBeLessThan(2e6)
    expect(buffers).toBeLessThan(1e5)
    expect(readRecording(file).underWay).toEqual([])
  })
})

/** The text of the first mark; where the machine is busy, there may be stacks of blocks before it. */
const markOf = (file: string): string | undefined =>
  readRecording(file).entries.find(({ kind }) => kind === 'mark')?.text

describe('the file', () => {
  it('of an earlier run is kept as the previous one', async () => {
    const file = nextFile()
    recordTo(file).mark('first')
    open.pop()!.close()
    recordTo(file).mark('second')
    open.pop()!.close()
    recordTo(file)
    expect(markOf(`${file}.previous`)).toBe('second')
    expect(readdirSync(folder).filter((each) => each.includes('.new'))).toEqual([])
  })

  it('of another version becomes the previous one', () => {
    const file = nextFile()
    const { bytes } = new MadeRecording()
    bytes.writeUInt32LE(99, HEADER.version)
    writeFileSync(file, bytes)
    recordTo(file)
    expect(readFileSync(`${file}.previous`).readUInt32LE(HEADER.version)).toBe(99)
  })

  it('that is empty is replaced', () => {
    const file = nextFile()
    writeFileSync(file, '')
    recordTo(file)
    expect(existsSync(`${file}.previous`)).toBe(false)
  })

  it('is refused while another recorder writes it, here or in another process', async () => {
    const file = nextFile()
    recordTo(file).mark('mine')
    expect(refusal(file)).toMatchObject({ code: 'ERR_TRIPLINE_NOT_RECORDED', kind: 'shared' })
    const { stdout } = await runModule(
      `try { tripline.record({ file: ${JSON.stringify(file)} }) } catch (error) { console.log(error.kind) }`,
    )
    expect(stdout).toBe('shared\n')
    expect(markOf(file)).toBe('mine')
  })

  it('is refused if it is something else, which stays as it is', () => {
    const text = nextFile()
    writeFileSync(text, 'my novel')
    const link = nextFile()
    symlinkSync(text, link)
    const dangling = nextFile()
    symlinkSync(join(folder, 'nowhere'), dangling)
    const directory = nextFile()
    mkdirSync(directory)
    const pipe = nextFile()
    execFileSync('mkfifo', [pipe])
    const twice = nextFile()
    recordTo(twice).close()
    linkSync(twice, nextFile())
    const files = readdirSync(folder)
    for (const file of [text, link, dangling, directory, pipe, twice]) {
      expect(refusal(file), file).toMatchObject({ code: 'ERR_TRIPLINE_NOT_RECORDED', kind: 'file' })
    }
    expect(readFileSync(text, 'utf8')).toBe('my novel')
    expect(readdirSync(folder)).toEqual(files)
  })

  it('is refused if its previous one is something else, which would be lost', () => {
    for (const make of [
      (at: string) => writeFileSync(at, 'my novel'),
      mkdirSync,
      (at: string) => symlinkSync('/', at),
    ]) {
      const file = nextFile()
      recordTo(file).mark('mine')
      open.pop()!.close()
      make(`${file}.previous`)
      expect(refusal(file)).toMatchObject({ kind: 'file', message: expect.stringContaining('.previous') as string })
      expect(markOf(file)).toBe('mine')
    }
  })

  it('is made although a recorder was killed while it made one', () => {
    const file = nextFile()
    recordTo(file).mark('first')
    open.pop()!.close()
    // It was killed between both names, and before it had locked or named its file.
    linkSync(file, `${file}.999999-0.new`)
    const { bytes } = new MadeRecording()
    for (const pid of [1, 2]) writeFileSync(`${file}.${pid}-0.new`, bytes)
    const long = new Date(Date.now() - 3_600_000)
    utimesSync(`${file}.1-0.new`, long, long)
    writeFileSync(`${file}.3-0.new`, 'my novel')
    utimesSync(`${file}.3-0.new`, long, long)
    recordTo(file)
    expect(markOf(`${file}.previous`)).toBe('first')
    expect(existsSync(`${file}.999999-0.new`)).toBe(false)
    // The second one may be in use at this moment, and the third is nothing of ours.
    expect([1, 2, 3].map((pid) => existsSync(`${file}.${pid}-0.new`))).toEqual([false, true, true])
  })

  it('is refused where its folder does not exist', () => {
    expect(refusal(join(folder, 'nowhere/a.recording'))).toMatchObject({ kind: 'system' })
  })

  it('is refused beyond the limit of a file size, which would otherwise kill the process', () => {
    const file = nextFile()
    const source = `try { require(${JSON.stringify(join(ROOT, 'dist/index.cjs'))}).record({ file: ${JSON.stringify(file)} }) } catch (error) { console.log(error.kind, error.message) }`
    const { stdout, signal } = spawnSync(
      '/bin/sh',
      ['-c', 'ulimit -f 8; exec "$0" -e "$1"', process.execPath, source],
      {
        encoding: 'utf8',
      },
    )
    expect(signal).toBeNull()
    expect(stdout).toMatch(/^full .*EFBIG/)
    expect(existsSync(file)).toBe(false)
  })

  it('goes on after the file was truncated: nothing ends the process', async () => {
    const file = nextFile()
    const recording = recordTo(file)
    await untilRow(file, ({ sequence }) => sequence > 1)
    closeSync(openSync(file, 'w'))
    const { problem } = recording
    await eventually(() => readFileSync(file).length > 0)
    expect(problem).toBe('')
  })
})

describe.runIf(process.platform === 'linux' && process.getuid?.() === 0)('a file system', () => {
  const mounts: string[] = []
  afterAll(() => {
    for (const each of mounts) execFileSync('umount', [each])
  })
  function mounted(options: string): string {
    const point = mkdtempSync(join(folder, 'mount-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', point])
    mounts.push(point)
    return point
  }

  it('that is full is an error at the call, and leaves nothing', () => {
    const place = mounted('size=64k')
    expect(refusal(join(place, 'a'))).toMatchObject({ code: 'ERR_TRIPLINE_NOT_RECORDED', kind: 'full' })
    expect(readdirSync(place)).toEqual([])
  })

  it('that is full keeps the recording of the last run', () => {
    const place = mounted('size=400k')
    const file = join(place, 'a')
    recordTo(file, { last: '1s' }).mark('last run')
    open.pop()!.close()
    expect(() => recordTo(file, { last: '100s' })).toThrow(/ENOSPC/)
    expect(markOf(file)).toBe('last run')
    expect(readdirSync(place)).toEqual(['a'])
  })

  it('that is read-only is an error at the call', () => {
    const place = mounted('size=1m')
    execFileSync('mount', ['-o', 'remount,ro', place])
    expect(refusal(join(place, 'a'))).toMatchObject({ code: 'ERR_TRIPLINE_NOT_RECORDED', kind: 'read-only' })
  })
})

describe('the folder of recordings', () => {
  it('is made for this user, and has one file per process and thread', async () => {
    const own = join(folder, 'own')
    const { stdout } = await runModule(
      `const first = tripline.record(); const second = (() => { try { return tripline.record() } catch (error) { return error } })(); console.log(first.file)`,
      { env: { ...process.env, TRIPLINE_RECORDINGS: own } },
    )
    expect(stdout.trim()).toBe(join(own, readdirSync(own)[0]!))
  })

  it('keeps the last runs of each program, and removes older ones', () => {
    const own = join(folder, 'old')
    mkdirSync(own)
    const made = (program: string, wall: number): string => join(own, nameOfRecording(program, wall, 1, 0))
    for (let run = 0; run < 9; run++) writeFileSync(made('/a/server.js', run), '')
    writeFileSync(made('/b/server.js', 3), '')
    writeFileSync(join(own, 'my file'), '')
    removeOld(own)
    expect(readdirSync(own).length).toBe(6)
    const before = process.env['TRIPLINE_RECORDINGS']
    process.env['TRIPLINE_RECORDINGS'] = own
    try {
      expect(findLastRecording('/a/server.js')).toBe(made('/a/server.js', 8))
      expect(findLastRecording('/b/server.js')).toBe(made('/b/server.js', 3))
      expect(findLastRecording('/c/server.js')).toBeUndefined()
    } finally {
      if (before === undefined) delete process.env['TRIPLINE_RECORDINGS']
      else process.env['TRIPLINE_RECORDINGS'] = before
    }
  })

  it('is refused if it is a symbolic link', async () => {
    const link = join(folder, 'link')
    symlinkSync(folder, link)
    const { stdout } = await runModule(
      'try { tripline.record() } catch (error) { console.log(error.code, error.kind) }',
      { env: { ...process.env, TRIPLINE_RECORDINGS: link } },
    )
    expect(stdout).toBe('ERR_TRIPLINE_NOT_RECORDED folder\n')
  })
})

it('takes only the path of the file, too', () => {
  const file = nextFile()
  using recording = record(file)
  expect(recording.file).toBe(file)
  expect(existsSync(file)).toBe(true)
  expect(() => record('')).toThrow(/"file" option must be a path/)
})

describe('bad options', () => {
  it.each([
    [{ file: 5 }, 'ERR_INVALID_ARG_TYPE', /"file"/],
    [{ file: '' }, 'ERR_INVALID_ARG_VALUE', /"file"/],
    [{ last: 0 }, 'ERR_OUT_OF_RANGE', /"last"/],
    [{ last: '1000d', interval: 10 }, 'ERR_OUT_OF_RANGE', /"last"/],
    [{ last: '100h' }, 'ERR_OUT_OF_RANGE', /"last"/],
    [{ interval: '1ms' }, 'ERR_OUT_OF_RANGE', /"interval"/],
    [{ metrics: [] }, 'ERR_INVALID_ARG_VALUE', /"metrics"/],
    [{ metrics: 'memry' }, 'ERR_INVALID_ARG_VALUE', /memory/],
    [{ operations: 1 }, 'ERR_INVALID_ARG_TYPE', /"operations"/],
    [{ stacks: 1 }, 'ERR_INVALID_ARG_TYPE', /"stacks"/],
    [{ lst: '1m' }, 'ERR_INVALID_ARG_VALUE', /last/],
  ])('%j is refused by its name', (options, code, message) => {
    const files = readdirSync(folder)
    let thrown: unknown
    try {
      record({ file: join(folder, 'bad'), ...(options as object) })
    } catch (error) {
      thrown = error
    }
    expect(thrown).toMatchObject({ code, message: expect.stringMatching(message) as string })
    expect(readdirSync(folder)).toEqual(files)
  })
})

it('the bench of rows records the metrics that are recorded by default, where every machine has them', () => {
  const [, list] = /const METRICS = (\[[^\]]*\])/.exec(
    readFileSync(join(ROOT, 'bench/recorder/children/rows.js'), 'utf8'),
  )!
  const measured = list!.match(/(?<=')[^',]+(?=')/g)
  expect(measured).toEqual(DEFAULT_METRICS.filter((each) => !/^memory\.(?:oomKills|processes)$|^pressure\./.test(each)))
})
