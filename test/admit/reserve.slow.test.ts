/** Reservations among real processes. Each test has its own folder, so that tests do not wait for each other. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { decode, encode } from '../../src/admit/claims.js'
import { Folder } from '../../src/admit/folder.js'
import { listReservations, type ReservationInfo } from '../../src/admit/overview.js'
import { reserve } from '../../src/admit/reserve.js'
import { run } from '../../src/run/run.js'
import { PACKAGE, runModule } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'

const ALL = cpus().length
const root = process.getuid?.() === 0
const before = process.env['TRIPLINE_RESERVATIONS']
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tripline-reserve-'))
  process.env['TRIPLINE_RESERVATIONS'] = folder
})
afterEach(() => {
  if (before === undefined) delete process.env['TRIPLINE_RESERVATIONS']
  else process.env['TRIPLINE_RESERVATIONS'] = before
})

/** A process that runs a module over the package and prints lines. */
class Peer {
  readonly child: ChildProcess
  output = ''

  constructor(source: string, options: { command?: readonly string[]; uid?: number } = {}) {
    const { command = [], uid } = options
    const text = `const { reserve, run } = await import(${JSON.stringify(PACKAGE)})\n${source}`
    const [file, ...args] = [...command, process.execPath, '--input-type=module', '-e', text]
    this.child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      ...(uid !== undefined && { uid, gid: uid }),
    })
    this.child.stdout!.on('data', (chunk) => (this.output += String(chunk)))
    onTestFinished(() => void this.child.kill('SIGKILL'))
  }

  shows(text: string): Promise<void> {
    return eventually(
      () => this.output.includes(text),
      () => `${text} in ${JSON.stringify(this.output)}`,
    )
  }

  ended(): Promise<void> {
    return eventually(() => this.child.exitCode !== null || this.child.signalCode !== null)
  }
}

const holds = (request: string, options = '{}'): string =>
  `const held = await reserve(${request}, ${options})
   console.log('held')
   setInterval(() => {}, 1000)`

async function states(): Promise<string[]> {
  const { reservations } = await listReservations()
  return reservations.map(({ state }) => state)
}

async function reservationsWhen(check: (all: readonly ReservationInfo[]) => boolean): Promise<void> {
  let all: readonly ReservationInfo[] = []
  for (;;) {
    all = (await listReservations()).reservations
    if (check(all)) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** The code of the error that a promise rejects with. */
function code(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'granted',
    (error: NodeJS.ErrnoException) => error.code,
  )
}

/** Why a reservation in this folder is refused; undefined if it is not. */
async function refused(path: string): Promise<unknown> {
  process.env['TRIPLINE_RESERVATIONS'] = path
  return reserve({ cpu: 0.1 }).then(
    (each) => each.release(),
    (error: { kind: unknown; message: string }) => [error.kind, error.message],
  )
}

const claimFile = (id: string): string => new Folder().claimFile(id)

describe('a reservation', () => {
  it('is granted at once where there is room, and leaves nothing when it is released', async () => {
    const one = await reserve({ memory: '1MB', cpu: 0.5 }, { name: 'one', lane: 'some.lane' })
    expect(one).toMatchObject({ memory: 1e6, cpu: 0.5, lane: 'some.lane', held: true })
    const { reservations } = await listReservations()
    expect(reservations).toMatchObject([{ pid: process.pid, name: 'one', memory: 1e6, cpu: 0.5, state: 'held' }])
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
    one.release()
    one.release()
    expect(one.held).toBe(false)
    expect(readdirSync(folder)).toEqual([])
  })

  it('waits for another of the same process', async () => {
    const first = await reserve({ cpu: ALL })
    let granted = false
    const second = reserve({ cpu: 1 }).then((each) => {
      granted = true
      return each
    })
    await reservationsWhen((all) => all.length === 2)
    expect(granted).toBe(false)
    first[Symbol.dispose]()
    await (await second)[Symbol.asyncDispose]()
    expect(readdirSync(folder)).toEqual([])
  })

  it('is refused at once for more than there is, and for bad input', async () => {
    expect(await code(reserve({ memory: '1000TB' }))).toBe('ERR_OUT_OF_RANGE')
    await expect(reserve({ memory: '1000TB' })).rejects.toThrow(/at most [\d.]+[GT]B, which is all that .+ has/)
    expect(await code(reserve({ cpu: ALL + 1 }))).toBe('ERR_OUT_OF_RANGE')
    expect(await code(reserve({ cpu: 0 }))).toBe('ERR_OUT_OF_RANGE')
    expect(await code(reserve({ memory: NaN }))).toBe('ERR_OUT_OF_RANGE')
    expect(await code(reserve({ memory: '2G' }))).toBe('ERR_INVALID_ARG_VALUE')
    expect(await code(reserve({}))).toBe('ERR_INVALID_ARG_VALUE')
    expect(await code(reserve({ memory: 1, gpu: 1 } as never))).toBe('ERR_INVALID_ARG_VALUE')
    for (const lane of ['', '../x', 'a b', 'a\nb', '\u001b[2J', 'x'.repeat(65)])
      expect(await code(reserve({ cpu: 1 }, { lane }))).toBe('ERR_INVALID_ARG_VALUE')
    expect(await code(reserve({ cpu: 1 }, { lane: 5 as never }))).toBe('ERR_INVALID_ARG_TYPE')
    expect(await code(reserve({ cpu: 1 }, { wait: -1 }))).toBe('ERR_OUT_OF_RANGE')
    expect(await code(reserve({ cpu: 1 }, { signal: {} as never }))).toBe('ERR_INVALID_ARG_TYPE')
    expect(await code(reserve(null as never))).toBe('ERR_INVALID_ARG_TYPE')
    expect(readdirSync(folder)).toEqual([])
  })

  it('is given up after its wait, with what is held, and on an abort, without a trace', async () => {
    using first = await reserve({ cpu: ALL }, { name: 'first' })
    expect(first.held).toBe(true)
    for (const wait of [0, 50]) {
      await expect(reserve({ cpu: 1 }, { wait })).rejects.toMatchObject({
        code: 'ERR_TRIPLINE_NOT_RESERVED',
        kind: 'wait',
      })
    }
    await expect(reserve({ cpu: 1 }, { wait: 0 })).rejects.toThrow(/held by first \(pid \d+, \d+ CPUs?\)/)
    const reason = new Error('enough')
    const controller = new AbortController()
    const waiting = reserve({ cpu: 1 }, { signal: controller.signal })
    await reservationsWhen((all) => all.length === 2)
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await expect(reserve({ cpu: 1 }, { signal: controller.signal })).rejects.toBe(reason)
    expect(await states()).toEqual(['held'])
  })

  it('of a run is held until the command has ended, and what cancels the run ends the wait', async () => {
    const { status } = await run('sh', ['-c', `ls ${folder} | grep -c claim; test -n "$TRIPLINE_RESERVATION"`], {
      reserve: { cpu: ALL },
      stdio: 'ignore',
    })
    expect(status).toBe(0)
    expect(readdirSync(folder)).toEqual([])
    using _all = await reserve({ cpu: ALL })
    await expect(run('true', [], { reserve: { cpu: 1, wait: 0 } })).rejects.toMatchObject({ kind: 'wait' })
    await expect(run('true', [], { reserve: { cpu: 1 }, deadline: new Date(Date.now() + 50) })).rejects.toMatchObject({
      code: 'ERR_TRIPLINE_CANCELED',
      reason: { kind: 'timeout' },
    })
    await expect(run('true', [], { reserve: { cpu: 1, lane: '/' } })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    })
    expect(await states()).toEqual(['held'])
  })

  it('within another takes part of that one', async () => {
    const source = `
      const outer = await reserve({ cpu: ${ALL} })
      const inner = 'const { reserve } = await import(${JSON.stringify(PACKAGE)}); await reserve({ cpu: 1 }, { wait: "20s" })'
      outer.release()
      const { status } = await run(process.execPath, ['--input-type=module', '-e', inner], { reserve: { cpu: ${ALL} } })
      console.log(status)`
    expect((await runModule(source.replace(/^/, 'const { reserve, run } = tripline\n'))).stdout).toBe('0\n')
  })
})

describe('among processes', () => {
  it('at most what there is is held by fifty that wait, and all have their turn', async () => {
    const log = join(folder, 'log')
    const source = `
      const { appendFileSync } = await import('node:fs')
      await Promise.all(Array.from({ length: 10 }, async () => {
        const held = await reserve({ cpu: ${ALL} })
        appendFileSync(${JSON.stringify(log)}, '+')
        await new Promise((resolve) => setTimeout(resolve, 5))
        appendFileSync(${JSON.stringify(log)}, '-')
        held.release()
      }))
      console.log('done')`
    const peers = Array.from({ length: 5 }, () => new Peer(source))
    for (const peer of peers) await eventually(() => peer.output.includes('done'), 'done', 60_000)
    expect(readFileSync(log, 'utf8')).toBe('+-'.repeat(50))
    expect(readdirSync(folder)).toEqual(['log'])
  }, 90_000)

  it('a killed holder lets others have it, and a killed waiter holds up none', async () => {
    const holder = new Peer(holds(`{ cpu: ${ALL} }`))
    await holder.shows('held')
    const waiter = new Peer(holds(`{ cpu: ${ALL} }`))
    await reservationsWhen((all) => all.length === 2)
    const third = new Peer(holds('{ cpu: 1 }'))
    await reservationsWhen((all) => all.length === 3)
    waiter.child.kill('SIGKILL')
    await waiter.ended()
    holder.child.kill('SIGKILL')
    await third.shows('held')
    expect(await states()).toEqual(['held'])
    third.child.kill('SIGKILL')
    await third.ended()
    expect(await states()).toEqual([])
    expect(readdirSync(folder)).toEqual([])
  })

  it('an exit, also of a worker that is terminated, ends what is held', async () => {
    const inWorker = `
      const { reserve } = await import(${JSON.stringify(PACKAGE)})
      await reserve({ cpu: 1 })
      const { parentPort } = await import('node:worker_threads')
      parentPort.postMessage('held')
      setInterval(() => {}, 1000)`
    const source = `
      const { Worker } = await import('node:worker_threads')
      const worker = new Worker(new URL(${JSON.stringify(`data:text/javascript,${encodeURIComponent(inWorker)}`)}))
      await new Promise((resolve) => worker.once('message', resolve))
      await worker.terminate()
      await reserve({ cpu: ${ALL} })
      console.log('held')`
    const peer = new Peer(source)
    await peer.shows('held')
    await peer.ended()
    expect(readdirSync(folder)).toEqual([])
  })

  it('a holder whose loop is blocked, or that is stopped, uses what it has reserved', async () => {
    const size = 64e6
    const source = `
      const held = await reserve({ memory: ${size} })
      const buffer = Buffer.alloc(${size}, 1)
      console.log('held')
      for (;;) buffer[0]++`
    const blocked = new Peer(source)
    await blocked.shows('held')
    await reservationsWhen(([first]) => first!.used >= size * 0.9)
    blocked.child.kill('SIGSTOP')
    await reservationsWhen(([first]) => first!.used >= size * 0.9)
  })

  it('a waiter whose loop is blocked is passed over when its turn has come', async () => {
    const holder = new Peer(`${holds(`{ cpu: ${ALL} }`)}; process.on('SIGUSR2', () => held.release())`)
    await holder.shows('held')
    const blocked = new Peer(`
      void reserve({ cpu: ${ALL} })
      setTimeout(() => { console.log('blocked'); for (;;); }, 1000)`)
    await blocked.shows('blocked')
    const next = new Peer(holds('{ cpu: 1 }'))
    await reservationsWhen((all) => all.length === 3)
    holder.child.kill('SIGUSR2')
    await next.shows('held')
  })

  it.runIf(root)('of two users in a sticky folder, each respects the other, whatever their umask is', async () => {
    chmodSync(folder, 0o1777)
    const foreign = new Peer(`process.umask(0o077)\n${holds(`{ cpu: ${ALL} }`)}`, { uid: 1 })
    await foreign.shows('held')
    expect((await listReservations()).reservations).toMatchObject([{ user: 'daemon', state: 'held' }])
    await expect(reserve({ cpu: 1 }, { wait: 0 })).rejects.toMatchObject({ kind: 'wait' })
    foreign.child.kill('SIGKILL')
    await foreign.ended()
    using mine = await reserve({ cpu: ALL })
    expect(mine.held).toBe(true)
    const umask = process.umask(0o077)
    onTestFinished(() => void process.umask(umask))
    mine.release()
    using again = await reserve({ cpu: ALL })
    expect(again.held).toBe(true)
    const late = new Peer(
      `await reserve({ cpu: 1 }, { wait: 0 }).catch((error) => console.log(error.kind, error.message))`,
      { uid: 1 },
    )
    await late.shows('wait Nothing was reserved')
  })

  it.runIf(root)('of two containers that share the folder, each respects the other', async () => {
    // Neither sees the processes of the other.
    const unshare = ['unshare', '--pid', '--mount', '--ipc', '--uts', '--fork', '--kill-child', '--mount-proc']
    const size = 256e6
    const holder = new Peer(
      `const held = await reserve({ memory: ${size}, cpu: ${ALL} })
       const buffer = Buffer.alloc(${size}, 1)
       console.log('held')
       process.on('SIGTERM', () => held.release())
       setInterval(() => buffer[0]++, 1000)`,
      { command: unshare },
    )
    await holder.shows('held')
    const other = new Peer(holds('{ cpu: 1 }'), { command: unshare })
    await reservationsWhen((all) => all.length === 2)
    // What it uses is measured by itself.
    await reservationsWhen(([first]) => first!.used >= size * 0.9)
    expect(other.output).toBe('')
    holder.child.kill('SIGKILL')
    await other.shows('held')
  })
})

describe('the folder', () => {
  const id = 'a'.repeat(16)
  const valid = encode({
    pid: process.pid,
    namespace: '',
    within: '',
    levels: ['cpu'],
    grown: [],
    claims: [
      {
        number: 1,
        since: 0,
        at: 0,
        granted: 1,
        root: 1,
        base: 0,
        lacks: '',
        memory: 0,
        cpu: ALL,
        lane: 'default',
        name: 'forged',
      },
    ],
  })

  it('ignores claims without a live lock, and removes those of the dead', async () => {
    expect(decode(valid)).toBeDefined()
    // A crash before the lock, after the lock, and between lock and claim.
    writeFileSync(claimFile(id), valid)
    writeFileSync(claimFile('b'.repeat(16)), valid)
    writeFileSync(new Folder().lockFile('b'.repeat(16)), '')
    writeFileSync(claimFile('c'.repeat(16)), '')
    writeFileSync(new Folder().lockFile('c'.repeat(16)), '')
    const old = new Date(Date.now() - 7.2e6)
    writeFileSync(claimFile('d'.repeat(16)), valid)
    utimesSync(claimFile('d'.repeat(16)), old, old)
    using held = await reserve({ cpu: ALL })
    expect(held.held).toBe(true)
    expect(await states()).toEqual(['held'])
    held.release()
    // The first may be that of a process that is just about to lock.
    expect(readdirSync(folder)).toEqual([expect.stringContaining(`${id}.claim`)])
  })

  it('follows no link and reads no pipe, no large file and no nonsense', async () => {
    using mine = await reserve({ cpu: 0.1 })
    const lock = readdirSync(folder).find((name) => name.endsWith('.lock'))
    const forge = (letter: string, make: (path: string) => void): void => {
      make(claimFile(letter.repeat(16)))
      // With the lock of a living process.
      linkSync(join(folder, lock!), new Folder().lockFile(letter.repeat(16)))
    }
    const elsewhere = join(folder, 'elsewhere')
    writeFileSync(elsewhere, valid)
    forge('1', (path) => symlinkSync(elsewhere, path))
    forge('2', (path) => mkdirSync(path))
    forge('3', (path) => writeFileSync(path, `${valid}${' '.repeat(70_000)}`))
    forge('4', (path) => writeFileSync(path, valid.slice(0, -5)))
    forge('5', (path) => writeFileSync(path, '{"__proto__":{"version":1},"claims":{"length":1e9}}'))
    expect(await states()).toEqual(['held'])
    forge('6', (path) => writeFileSync(path, valid))
    expect(await states()).toEqual(['held', 'held'])
    mine.release()
  })

  it('grants nothing while there are more claims than can be looked at', async () => {
    using mine = await reserve({ cpu: 0.1 })
    const lock = readdirSync(folder).find((name) => name.endsWith('.lock'))
    const content = decode(valid)!
    const full = encode({ ...content, claims: Array.from({ length: 128 }, () => ({ ...content.claims[0]!, cpu: 0 })) })
    for (let index = 0; index < 33; index++) {
      const other = index.toString(16).padStart(16, '0')
      writeFileSync(claimFile(other), full)
      linkSync(join(folder, lock!), new Folder().lockFile(other))
    }
    await expect(reserve({ cpu: 0.1 }, { wait: 0 })).rejects.toThrow(/too many files or claims/)
    for (const name of readdirSync(folder).filter((each) => each.includes('-0000'))) rmSync(join(folder, name))
    using second = await reserve({ cpu: 0.1 })
    expect([mine.held, second.held]).toEqual([true, true])
  })

  it.runIf(root && process.platform === 'linux')('may be on a disk that was full', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'none', folder])
    onTestFinished(() => void execFileSync('umount', ['--lazy', folder]))
    const fill = join(folder, 'fill')
    const first = await reserve({ cpu: 0.1 }, { name: 'first' })
    using second = await reserve({ cpu: 0.1 }, { name: 'second' })
    // Room for one page: a longer text can only be written in part.
    writeFileSync(fill, Buffer.alloc(8192))
    expect(() => new Folder().write(id, 'x'.repeat(6000))).toThrow(/ENOSPC/)
    expect(readdirSync(folder).filter((name) => name.includes(id))).toEqual([])
    expect(() => writeFileSync(`${fill}2`, Buffer.alloc(8192))).toThrow(/ENOSPC/)
    first.release()
    expect(await code(reserve({ cpu: 0.1 }))).toBe('ENOSPC')
    rmSync(fill)
    rmSync(`${fill}2`)
    await reservationsWhen((all) => all.length === 1 && all[0]!.name === 'second')
    using third = await reserve({ cpu: 0.1 })
    expect([second.held, third.held]).toEqual([true, true])
  })

  it('is refused if it is a link, a file, or open to others without being sticky', async () => {
    symlinkSync(folder, join(folder, 'link'))
    expect(await refused(join(folder, 'link'))).toEqual(['folder', expect.stringContaining('symbolic link')])
    writeFileSync(join(folder, 'file'), '')
    expect(await refused(join(folder, 'file'))).toEqual(['folder', expect.stringContaining('is not a folder')])
    mkdirSync(join(folder, 'open'))
    chmodSync(join(folder, 'open'), 0o777)
    expect(await refused(join(folder, 'open'))).toEqual(['folder', expect.stringContaining('not sticky')])
    expect(await refused(join(folder, 'no', 'such'))).toEqual(['folder', expect.stringContaining('ENOENT')])
    expect(await refused(join(folder, 'new'))).toBe(undefined)
    expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o700)
  })

  it('may be cleaned while a reservation is held', async () => {
    using held = await reserve({ cpu: ALL })
    for (const name of readdirSync(folder)) writeFileSync(join(folder, name), '')
    for (const name of readdirSync(folder)) rmSync(join(folder, name))
    expect(held.held).toBe(true)
    await reservationsWhen((all) => all.length === 1)
  })

  it('may be removed while reservations are held and waited for', async () => {
    const holder = await reserve({ cpu: ALL })
    const waiter = reserve({ cpu: 1 })
    await reservationsWhen((all) => all.length === 2)
    rmSync(folder, { recursive: true })
    await reservationsWhen((all) => all.length === 2)
    holder.release()
    using late = await waiter
    expect(late.held).toBe(true)
  })
})
