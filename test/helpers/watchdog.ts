/** Stand-ins for systemd's notification socket and for a watchdog device; tests never open a real one. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from './eventually.js'
import { ROOT } from './child.js'

/** A program in Python whose output is read line by line. */
class Helper implements Disposable {
  readonly #child: ChildProcess
  readonly lines: string[] = []

  constructor(file: string, args: readonly string[]) {
    this.#child = spawn('python3', [join(ROOT, 'test/helpers', file), ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    let rest = ''
    this.#child.stdout!.on('data', (chunk) => {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop()!
      this.lines.push(...lines)
    })
  }

  /** Reads one more datagram, if it is deaf. */
  readOne(): void {
    this.#child.stdin!.write('\n')
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL')
  }
}

let names = 0

/** Receives what is sent to a socket as systemd would. */
export class NotifySocket implements Disposable {
  readonly name: string
  readonly #helper: Helper

  private constructor(name: string, deaf: boolean) {
    this.name = name
    this.#helper = new Helper('notify-socket.py', deaf ? [name, 'deaf'] : [name])
  }

  static async open(
    name: string = `@tripline-test-${process.pid}-${++names}`,
    deaf: boolean = false,
  ): Promise<NotifySocket> {
    const made = new NotifySocket(name, deaf)
    await eventually(() => made.#helper.lines.length > 0, 'the socket is bound')
    return made
  }

  /** The datagrams so far. */
  get received(): string[] {
    return this.#helper.lines.slice(1).map((line) => JSON.parse(line) as string)
  }

  readOne(): void {
    this.#helper.readOne()
  }

  /** The environment of a service that has this socket. */
  environment(usec?: number | string): NodeJS.ProcessEnv {
    return { ...process.env, NOTIFY_SOCKET: this.name, ...(usec !== undefined && { WATCHDOG_USEC: String(usec) }) }
  }

  [Symbol.dispose](): void {
    this.#helper[Symbol.dispose]()
  }
}

/** A character device with its entry in a made-up sysfs. */
export class FakeDevice implements Disposable {
  readonly path: string
  readonly sysfs: string
  readonly #helper: Helper

  private constructor(helper: Helper, nowayout: string) {
    this.#helper = helper
    this.path = helper.lines[0]!
    this.sysfs = mkdtempSync(join(tmpdir(), 'tripline-sysfs-'))
    const { rdev } = statSync(this.path)
    mkdirSync(join(this.sysfs, 'watchdog3'))
    writeFileSync(join(this.sysfs, 'watchdog3/dev'), `${rdev >> 8}:${rdev & 255}\n`)
    if (nowayout !== 'missing') writeFileSync(join(this.sysfs, 'watchdog3/nowayout'), `${nowayout}\n`)
  }

  static async open(nowayout: string = '0'): Promise<FakeDevice> {
    const helper = new Helper('pty-device.py', [])
    await eventually(() => helper.lines.length > 0, 'the device is there')
    return new FakeDevice(helper, nowayout)
  }

  /** The bytes written to it: `'0'` feeds it, `'V'` is the magic close. */
  get written(): string {
    return this.#helper.lines.slice(1).join('')
  }

  [Symbol.dispose](): void {
    this.#helper[Symbol.dispose]()
    rmSync(this.sysfs, { recursive: true })
  }
}
