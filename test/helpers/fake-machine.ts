/** A machine whose /proc and /sys the test writes. The sampler reads them through HOST_PROC and HOST_SYS. */
import {
  closeSync,
  constants,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export class FakeMachine implements Disposable {
  readonly root: string = mkdtempSync(join(tmpdir(), 'tripline-machine-'))
  readonly #before = { HOST_PROC: process.env['HOST_PROC'], HOST_SYS: process.env['HOST_SYS'] }

  constructor() {
    process.env['HOST_PROC'] = join(this.root, 'proc')
    process.env['HOST_SYS'] = join(this.root, 'sys')
    this.setMemory(50)
    this.write('proc/self/cgroup', '0::/\n')
    this.write('proc/self/mountinfo', '1 0 8:1 / / rw - ext4 /dev/sda1 rw\n')
    this.write('proc/stat', 'cpu  100 0 50 1000 0 0 0 0 0 0\ncpu0 100 0 50 1000 0 0 0 0 0 0\n')
    this.write('proc/loadavg', '0.50 0.40 0.30 1/100 1234\n')
  }

  /** Overwrites a file in place with one write, so that a reader never sees an empty file. */
  write(path: string, text: string): void {
    const target = join(this.root, path)
    mkdirSync(dirname(target), { recursive: true })
    const file = openSync(target, constants.O_RDWR | constants.O_CREAT)
    writeSync(file, text, 0)
    ftruncateSync(file, Buffer.byteLength(text))
    closeSync(file)
  }

  /** Replaces a file by a new inode, as when its source is recreated. */
  replace(path: string, text: string): void {
    this.write(`${path}.new`, text)
    renameSync(join(this.root, `${path}.new`), join(this.root, path))
  }

  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true, force: true })
  }

  /** Sets how much of 1000 MB is in use. */
  setMemory(usedPercent: number): void {
    const total = 1_000_000
    const available = Math.round((total * (100 - usedPercent)) / 100)
    const padded = String(available).padStart(8)
    this.write(
      'proc/meminfo',
      `MemTotal:        ${total} kB\nMemFree:        ${padded} kB\nMemAvailable:   ${padded} kB\n` +
        'Buffers:               0 kB\nCached:                0 kB\nSwapTotal:       2000000 kB\nSwapFree:        1500000 kB\n',
    )
  }

  [Symbol.dispose](): void {
    for (const [name, value] of Object.entries(this.#before)) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
    rmSync(this.root, { recursive: true, force: true })
  }
}
