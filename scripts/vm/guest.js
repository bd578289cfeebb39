// One guest: boots it, makes it run scenarios, serves the hardware events that they request, and ends it.
import { spawn, spawnSync } from 'node:child_process'
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { acpiTable, initrd, kernel, rootImage } from './image.js'
import { machines } from './machines.js'

const hardware = {
  amd64: {
    program: 'qemu-system-x86_64',
    args: ['-machine', 'q35', '-cpu', 'max'],
    console: 'ttyS0',
  },
  arm64: {
    program: 'qemu-system-aarch64',
    args: ['-machine', 'virt', '-cpu', 'max,pauth-impdef=on'],
    console: 'ttyAMA0',
  },
}

// Far longer than a boot takes: twenty seconds on a quiet machine, several minutes on one under load.
const BOOT_LIMIT = 900_000

const pause = (time) => new Promise((done) => setTimeout(done, time))

/** Waits for the socket of qemu, which appears a moment after qemu has started. */
async function connectTo(path, isGone) {
  for (;;) {
    const socket = connect(path)
    const error = await new Promise((done) => {
      socket.once('connect', () => done())
      socket.once('error', done)
    })
    if (error === undefined) return socket
    if (isGone()) throw new Error('the emulator has ended')
    await pause(50)
  }
}

/** A disk whose image stays unchanged: writes are discarded at the end. */
const disk = (path, id) => [
  '-drive',
  `file=${path},format=raw,if=none,id=${id},snapshot=on,cache=unsafe`,
  '-device',
  `virtio-blk-pci,drive=${id}`,
]

export class Guest {
  #folder = mkdtempSync(join(tmpdir(), 'tripline-vm-'))
  #emulator
  #agent
  #monitor
  #waiting
  #lines = []
  #gone = false

  /**
   * Boots a machine with a kernel; `app` is the image of the second disk, `log` the file for the console, and `spare` the
   * file of the disk to plug in, which outlives the guest if it is given.
   */
  static async boot({ machine, kernel: name, app, log, spare }) {
    const guest = new Guest()
    try {
      await guest.#boot(machine, name, app, log, spare)
    } catch (error) {
      await guest.end()
      throw error
    }
    return guest
  }

  async #boot(machineName, kernelName, app, log, given) {
    const machine = machines[machineName]
    const { architecture, file } = kernel(kernelName)
    const { program, args, console: tty } = hardware[architecture]
    const spare = given ?? join(this.#folder, 'spare')
    if (!existsSync(spare)) writeFileSync(spare, '')
    truncateSync(spare, 128e6)
    const append = [
      // Under load, the kernel's check of its timer fails, and it would panic.
      `console=${tty} quiet loglevel=1 panic=-1 no_timer_check`,
      `guest.init=${machine.init ?? '/sbin/guest-init'}`,
      machine.append ?? '',
    ]
    const words = [
      `-accel tcg,thread=multi,tb-size=512 -smp 2 -m ${machine.memory}`,
      '-nodefaults -display none -no-reboot -serial stdio -device virtio-rng-pci',
      // Ports for hot-plugged devices, which the root bus does not accept, and a disk and a network to plug in.
      '-device pcie-root-port,id=one,chassis=1 -device pcie-root-port,id=two,chassis=2',
      `-blockdev driver=file,filename=${spare},node-name=spare,cache.no-flush=on -netdev user,id=net,restrict=on`,
      `-chardev socket,id=agent,path=${this.#folder}/agent,server=on,wait=off`,
      '-device virtio-serial-pci -device virtserialport,chardev=agent,name=agent',
      `-qmp unix:${this.#folder}/monitor,server=on,wait=off`,
      `-kernel ${file} -initrd ${initrd(kernelName)}`,
      machine.acpi ? `-acpitable file=${acpiTable()}` : '',
    ]
    const all = [
      ...args,
      ...words.join(' ').trim().split(' '),
      '-append',
      append.join(' '),
      ...disk(rootImage(architecture), 'root'),
      ...disk(app, 'app'),
    ]
    // The emulator must not outlive this process, however that ends.
    this.#emulator = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...all], { stdio: ['ignore', 'pipe', 'pipe'] })
    const output = createWriteStream(log, { flags: 'a' })
    this.#emulator.stdout.pipe(output)
    this.#emulator.stderr.pipe(output)
    const isGone = () => this.#gone
    this.#emulator.once('exit', () => {
      this.#gone = true
      this.#deliver('gone')
    })
    this.#agent = await connectTo(join(this.#folder, 'agent'), isGone)
    this.#monitor = await connectTo(join(this.#folder, 'monitor'), isGone)
    this.#monitor.resume()
    this.#monitor.write('{"execute":"qmp_capabilities"}\n')
    createInterface({ input: this.#agent }).on('line', (line) => this.#deliver(line))
    for (const socket of [this.#agent, this.#monitor]) socket.on('error', () => {})
    if (machine.init?.startsWith('/app/')) return // there is no agent; everything is on the console
    const first = await this.#line(BOOT_LIMIT)
    if (first?.startsWith('ready ') !== true) throw new Error(`the guest did not come up (${first ?? 'time is up'})`)
  }

  #deliver(line) {
    this.#lines.push(line)
    this.#waiting?.()
  }

  /** The next line of the agent; undefined if none arrives in time. */
  async #line(limit) {
    if (this.#lines.length === 0) {
      let timer
      await new Promise((done) => {
        timer = setTimeout(done, limit)
        this.#waiting = done
      })
      clearTimeout(timer)
      this.#waiting = undefined
    }
    return this.#lines.shift()
  }

  /**
   * Runs a scenario to its end and passes each line to `take`. A line that requests hardware is a QMP command. Returns the
   * reason if the scenario did not end.
   */
  async run(name, limit, take) {
    const end = Date.now() + limit
    this.#agent.write(`run ${name}\n`)
    for (;;) {
      const line = await this.#line(Math.max(end - Date.now(), 1))
      if (line === undefined) return `has not ended after ${limit / 1000} s`
      if (line === 'gone') return 'the guest has ended'
      if (line.startsWith('end ')) return line === 'end 0' ? undefined : `ended with ${line.slice(4)}`
      if (line.startsWith('{"execute"')) this.#monitor.write(`${line}\n`)
      else take(line)
    }
  }

  /** Waits for the guest to power itself off. Returns whether it did. */
  async ended(limit) {
    const end = Date.now() + limit
    while (!this.#gone && Date.now() < end) await pause(100)
    return this.#gone
  }

  async end() {
    if (this.#emulator !== undefined && !this.#gone) {
      this.#emulator.kill('SIGKILL')
      await this.ended(10_000)
    }
    this.#agent?.destroy()
    this.#monitor?.destroy()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** The version of the emulator, for the table. */
export function emulatorVersion() {
  return /version (\S+)/.exec(spawnSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' }).stdout)?.[1]
}

/** The output on the guest's console. */
export const consoleOf = (log) => readFileSync(log, 'utf8')
