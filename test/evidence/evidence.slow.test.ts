/** Evidence that a guard writes when it is breached. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EvidenceStore } from '../../src/evidence/files.js'
import { parseEvidence } from '../../src/evidence/options.js'
import { guard, type Evidence, type GuardOptions } from '../../src/index.js'
import { PACKAGE, runModule } from '../helpers/child.js'
import { FakeMachine } from '../helpers/fake-machine.js'
import { reportedErrors } from '../helpers/reported-errors.js'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'tripline-evidence-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const CROSSED = { 'process.rss': { above: 1, for: 0 } } as const
const files = (): string[] => readdirSync(folder).toSorted()

const store = (options: object): EvidenceStore =>
  new EvidenceStore(parseEvidence(['report'], { path: folder, ...options })!)

/** The evidence of a guard that is breached at once. */
async function evidenceOf(options: GuardOptions): Promise<Evidence> {
  using watched = guard(CROSSED, { evidenceFolder: folder, ...options })
  watched.ref()
  // Awaited, because the guard is closed at the end of this block.
  return await new Promise((resolve) => watched.on('evidence', (evidence) => resolve(evidence)))
}

function writeOne(into: EvidenceStore, text: string): string {
  const file = into.create('report')
  file.write(text)
  file.done()
  return file.path
}

function refuse(options: object): unknown {
  try {
    guard(CROSSED, options).close()
  } catch (error) {
    return error
  }
  return undefined
}

describe('a breach of a guard with evidence', () => {
  it('is followed by the files that were asked for, which only their owner can read', async () => {
    const { breach, items } = await evidenceOf({
      evidence: ['report', 'snapshot', 'profile'],
      evidenceFolder: { path: folder, profileFor: 50 },
    })
    expect(breach.metric).toBe('process.rss')
    expect(items.map((each) => each.kind)).toEqual(['profile', 'snapshot', 'report'])
    const written = items.map((each) => ('file' in each ? each : undefined)!)
    expect(written.map((each) => each.file).toSorted()).toEqual(files().map((each) => join(folder, each)))
    for (const { file, size } of written) {
      const stat = statSync(file)
      // Windows has no such permissions: a file there is in the folder of its user.
      expect(stat.mode & 0o777).toBe(process.platform === 'win32' ? 0o666 : 0o600)
      expect(stat.size).toBe(size)
    }
    const [profile, snapshot, report] = written.map(
      (each) => JSON.parse(readFileSync(each.file, 'utf8')) as Record<string, Record<string, unknown>>,
    )
    expect(profile!['nodes']).toBeInstanceOf(Array)
    expect(snapshot!['snapshot']!['node_count']).toBeGreaterThan(1000)
    expect(report!['header']!['processId']).toBe(process.pid)
  })

  it('reports what could not be written, and is otherwise as without', async () => {
    const errors = reportedErrors()
    const { items } = await evidenceOf({ evidence: ['stack'], name: 'rss' })
    expect(items).toMatchObject([{ kind: 'stack', error: { message: expect.stringContaining('has no stack') } }])
    expect(errors).toMatchObject([{ origin: 'evidence "rss"', error: (items[0] as { error: Error }).error }])
    expect(files()).toEqual([])
  })

  it('writes nothing that is larger than all may be together', async () => {
    const { items } = await evidenceOf({ evidence: ['report'], evidenceFolder: { path: folder, maxSize: 100 } })
    expect(items).toMatchObject([{ error: { message: expect.stringContaining('larger than') } }])
    expect(files()).toEqual([])
  })

  it('names no file that another one has displaced', async () => {
    const { items } = await evidenceOf({
      evidence: ['profile', 'report'],
      evidenceFolder: { path: folder, profileFor: 1, maxFiles: 1 },
    })
    expect(items).toMatchObject([
      { kind: 'profile', error: { message: expect.stringContaining('maxFiles or maxSize is too small') } },
      { kind: 'report', file: join(folder, files()[0]!) },
    ])
    expect(files()).toHaveLength(1)
  })

  it('has no snapshot where memory is too short for one', async () => {
    using machine = new FakeMachine()
    machine.write('proc/meminfo', 'MemTotal: 1000000 kB\nMemFree: 1000 kB\nMemAvailable: 1000 kB\n')
    const { items } = await evidenceOf({ evidence: ['snapshot'] })
    expect(items).toMatchObject([{ error: { message: expect.stringContaining('is not more than twice the heap') } }])
    expect(files()).toEqual([])
  })

  it('is written once, by the helper thread, though the loop is blocked again meanwhile', async () => {
    const outcome = await runModule(`
      import { readFileSync, readdirSync } from 'node:fs'
      const folder = ${JSON.stringify(folder)}
      const watched = tripline.guard({ 'eventLoop.delay': { above: 200, for: 0, clear: 200, clearFor: 0 } }, {
        evidence: ['profile'], evidenceFolder: { path: folder, profileFor: 2000 },
      }).ref()
      const done = new Promise((resolve) => watched.on('evidence', resolve))
      const until = async (check) => { while (!check()) await new Promise((resolve) => setTimeout(resolve, 10)) }
      const block = () => { const { breachCount } = watched; while (watched.breachCount === breachCount); }
      await new Promise((resolve) => setTimeout(resolve, 500))
      block()
      await until(() => readdirSync(folder).length > 0 && !watched.isBreached)
      block()
      const { items } = await done
      console.log(items[0].error ?? readdirSync(folder).length)
      watched.close()
    `)
    expect(outcome).toMatchObject({ code: 0, stderr: '', stdout: '1\n' })
  })

  it('completes what its helper thread is writing if the guard is closed meanwhile, and begins nothing', async () => {
    const outcome = await runModule(`
      import { readFileSync, readdirSync } from 'node:fs'
      const folder = ${JSON.stringify(folder)}
      const watched = tripline.guard({ 'process.rss': 1, 'eventLoop.delay': 100000 }, {
        evidence: ['profile'], evidenceFolder: { path: folder, profileFor: 500 },
      }).ref()
      const until = async (check) => { while (!check()) await new Promise((resolve) => setTimeout(resolve, 10)) }
      await until(() => readdirSync(folder).length > 0)
      watched.close()
      await until(() => readdirSync(folder).every((each) => readFileSync(folder + '/' + each, 'utf8').endsWith('}')))
      await new Promise((resolve) => setTimeout(resolve, 100))
      console.log(readdirSync(folder).length)
    `)
    expect(outcome).toMatchObject({ code: 0, stderr: '', stdout: '1\n' })
  })

  it('fails quietly if its folder is gone, or has become a link', async () => {
    const watched = guard({ conditions: { ready: () => ok } }, { evidence: ['report'], evidenceFolder: folder }).ref()
    let ok = true
    rmSync(folder, { recursive: true })
    const other = mkdtempSync(join(tmpdir(), 'tripline-evidence-'))
    symlinkSync(other, folder)
    ok = false
    const { items } = await new Promise<Evidence>((resolve) => watched.on('evidence', resolve))
    expect(items).toMatchObject([{ error: { message: expect.stringContaining('not a symbolic link') } }])
    expect(readdirSync(other)).toEqual([])
    expect(watched.evidence?.items).toBe(items)
    watched.close()
    rmSync(other, { recursive: true })
  })

  it('has a profile of the code that blocks the loop, taken meanwhile', async () => {
    const outcome = await runModule(`
      import { readFileSync, readdirSync } from 'node:fs'
      const folder = ${JSON.stringify(folder)}
      const watched = tripline.guard({ 'eventLoop.delay': 200 }, { evidence: ['profile'], evidenceFolder: { path: folder, profileFor: 300 } }).ref()
      const done = new Promise((resolve) => watched.on('evidence', resolve))
      function theCulprit() {
        // Until the profile is there, though nothing in this thread can have written it.
        for (const end = performance.now() + 20000; performance.now() < end;) {
          for (let i = 0; i < 1e5; i++) Math.sqrt(i)
          const [file] = readdirSync(folder)
          if (file !== undefined && readFileSync(folder + '/' + file, 'utf8').endsWith('}')) return file
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 500))
      const file = theCulprit()
      const { items } = await done
      console.log(items.length, items[0].file === folder + '/' + file)
      const { nodes } = JSON.parse(readFileSync(items[0].file, 'utf8'))
      console.log(nodes.some((node) => node.callFrame.functionName === 'theCulprit'))
      watched.close()
    `)
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    expect(outcome.stdout).toBe('1 true\ntrue\n')
  })

  it('keeps no process alive, not even by its helper thread', async () => {
    const options = `{ evidence: ['profile', 'snapshot'], evidenceFolder: ${JSON.stringify(folder)} }`
    expect(await runModule(`tripline.guard({ 'eventLoop.delay': 1000 }, ${options})`)).toMatchObject({
      code: 0,
      stderr: '',
    })
    // In the middle of a collection, too.
    const outcome = await runModule(`
      const watched = tripline.guard({ 'process.rss': 1 }, ${options})
      watched.on('breach', () => setTimeout(() => watched.close(), 100))
      setTimeout(() => {}, 300)
    `)
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
  })

  it('may be that of a worker thread', async () => {
    const source = `
      const { guard } = await import(${JSON.stringify(PACKAGE)})
      const { parentPort, workerData } = await import('node:worker_threads')
      const watched = guard({ 'process.rss': 1 }, { evidence: ['profile'], evidenceFolder: { path: workerData, profileFor: 20 } })
      watched.ref().on('evidence', ({ items }) => { watched.close(); parentPort.postMessage(items) })
    `
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData: folder })
    const items = await new Promise((resolve) => worker.once('message', resolve))
    expect(items).toMatchObject([{ kind: 'profile', file: join(folder, files()[0]!) }])
    await worker.terminate()
  })
})

describe('the folder', () => {
  it('keeps the newest files of this library, by number and by size', async () => {
    using few = store({ maxFiles: 3 })
    const written: string[] = []
    for (let i = 0; i < 6; i++) {
      written.push(writeOne(few, 'x'.repeat(1000)))
      // The names have milliseconds.
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
    expect(files().map((each) => join(folder, each))).toEqual(written.slice(3))
    using small = store({ maxSize: 2500 })
    const last = writeOne(small, 'x'.repeat(1000))
    expect(files().map((each) => join(folder, each))).toEqual([written[5], last])
  })

  it('removes nothing that is not its own', () => {
    const name = 'tripline-report-20200101T000000000Z-1-000000000000.json'
    const others = ['app.log', `${name}.bak`, name.replace('report', 'secrets'), `old-${name}`]
    for (const each of others) writeFileSync(join(folder, each), 'precious')
    const target = join(folder, 'target')
    writeFileSync(target, 'precious')
    // Of the right name, but no files.
    symlinkSync(target, join(folder, name.replace('Z-1-', 'Z-2-')))
    mkdirSync(join(folder, name.replace('Z-1-', 'Z-3-')))
    writeFileSync(join(folder, name), 'of another process of ours')
    using one = store({ maxFiles: 1 })
    const written = writeOne(one, 'new')
    expect(existsSync(join(folder, name))).toBe(false)
    expect(existsSync(written)).toBe(true)
    for (const each of [...others, 'target']) expect(readFileSync(join(folder, each), 'utf8')).toBe('precious')
    expect(lstatSync(join(folder, name.replace('Z-1-', 'Z-2-'))).isSymbolicLink()).toBe(true)
    expect(lstatSync(join(folder, name.replace('Z-1-', 'Z-3-'))).isDirectory()).toBe(true)
  })

  it.runIf(process.platform === 'linux')('is the one that was checked, though its path now leads elsewhere', () => {
    using held = store({})
    rmSync(folder, { recursive: true })
    const other = mkdtempSync(join(tmpdir(), 'tripline-evidence-'))
    symlinkSync(other, folder)
    // It was removed, so nothing can be written, and nothing goes to where the link leads.
    expect(() => held.create('report')).toThrow('ENOENT')
    expect(readdirSync(other)).toEqual([])
    rmSync(other, { recursive: true })
  })
})

describe('a guard refuses', () => {
  it.each([
    [{ evidence: 'stack' }, 'ERR_INVALID_ARG_TYPE', 'evidence'],
    [{ evidence: [] }, 'ERR_INVALID_ARG_VALUE', 'one or more of stack'],
    [{ evidence: ['stak'] }, 'ERR_INVALID_ARG_VALUE', 'stack'],
    [{ evidence: [3] }, 'ERR_INVALID_ARG_TYPE', 'evidence'],
    [{ evidence: ['stack'], evidenceFolder: undefined }, 'ERR_INVALID_ARG_TYPE', 'evidenceFolder'],
    [{ evidence: ['stack'], evidenceFolder: '' }, 'ERR_INVALID_ARG_VALUE', 'evidenceFolder'],
    [{ evidence: ['stack'], evidenceFolder: 'a\0b' }, 'ERR_INVALID_ARG_VALUE', 'evidenceFolder'],
    [{ evidence: ['stack'], evidenceFolder: '/nonexistent/x' }, 'ERR_INVALID_ARG_VALUE', 'a folder that exists'],
    [{ evidence: ['stack'], evidenceFolder: '/etc/passwd' }, 'ERR_INVALID_ARG_VALUE', 'a folder'],
    [{ evidence: ['stack'], evidenceFolder: { path: 3 } }, 'ERR_INVALID_ARG_TYPE', 'evidenceFolder.path'],
    [{ evidence: ['stack'], evidenceFolder: { paht: '/tmp' } }, 'ERR_INVALID_ARG_VALUE', 'path'],
    [{ evidence: ['stack'], evidenceFolder: { path: '/tmp', maxFiles: 0 } }, 'ERR_OUT_OF_RANGE', 'maxFiles'],
    [{ evidence: ['stack'], evidenceFolder: { path: '/tmp', maxFiles: 'many' } }, 'ERR_INVALID_ARG_TYPE', 'maxFiles'],
    [{ evidence: ['stack'], evidenceFolder: { path: '/tmp', maxSize: '1G' } }, 'ERR_INVALID_ARG_VALUE', 'maxSize'],
    [{ evidence: ['stack'], evidenceFolder: { path: '/tmp', maxSize: 0 } }, 'ERR_OUT_OF_RANGE', 'maxSize'],
    [{ evidence: ['stack'], evidenceFolder: { path: '/tmp', profileFor: '1h' } }, 'ERR_OUT_OF_RANGE', 'profileFor'],
    [{ evidenceFolder: '/tmp' }, 'ERR_INVALID_ARG_VALUE', "left out where 'evidence' is not given"],
  ])('%j', (options, code, message) => {
    expect(refuse({ evidenceFolder: '/tmp', ...options })).toMatchObject({
      code,
      message: expect.stringContaining(message),
    })
  })

  it('a folder that is a link, with or without a slash at its end', () => {
    const link = join(folder, 'link')
    symlinkSync(tmpdir(), link)
    for (const evidenceFolder of [link, `${link}/`]) {
      expect(refuse({ evidence: ['stack'], evidenceFolder })).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    }
  })

  it.runIf(process.platform === 'linux').each([0o555, 0o333])(
    'a folder that it may not read and write: %o',
    async (mode) => {
      chmodSync(folder, mode)
      const outcome = await runModule(`
      if (process.getuid() === 0) process.setuid(65534)
      try {
        tripline.guard({ memory: 100 }, { evidence: ['report'], evidenceFolder: ${JSON.stringify(folder)} })
      } catch (error) {
        console.log(error.code, error.message.includes('may read and write to'))
      }
    `)
      expect(outcome.stdout).toBe('ERR_INVALID_ARG_VALUE true\n')
    },
  )
})
