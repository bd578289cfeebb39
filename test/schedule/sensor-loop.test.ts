/** examples/sensor-loop, run as a user would run it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { outputOn } from '../docs/outputs.js'
import { ROOT } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'
import { FakeMachine } from '../helpers/fake-machine.js'

let machine: FakeMachine
let folder: string
beforeEach(() => {
  machine = new FakeMachine()
  folder = mkdtempSync(join(tmpdir(), 'tripline-sensor-'))
})
afterEach(() => {
  machine[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

class Loop implements Disposable {
  readonly out = join(folder, 'readings.csv')
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown[]>
  stdout = ''

  constructor(...args: string[]) {
    const program = join(ROOT, 'examples/sensor-loop/main.js')
    this.#child = spawn(process.execPath, [program, '--out', this.out, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child.stdout!.on('data', (chunk) => (this.stdout += String(chunk)))
    this.#closed = once(this.#child, 'close')
  }

  /** Waits for text that the program prints or writes; fails at once if it has ended. */
  until(check: () => boolean): Promise<void> {
    return eventually(() => {
      expect(this.#child.exitCode).toBeNull()
      return check()
    }, check.toString())
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL')
  }

  rows(): string[] {
    return readFileSync(this.out, 'utf8').split('\n').slice(0, -1)
  }

  /** Ends the program with SIGTERM and returns its report. */
  async end(): Promise<{ reason: string; rows: number; partial: number }> {
    this.#child.kill('SIGTERM')
    expect(await this.#closed).toEqual([0, null])
    const report = JSON.parse(this.stdout.trimEnd().split('\n').at(-1)!)
    expect(Object.keys(report)).toEqual(Object.keys(JSON.parse(outputOn('docs/recipes/sensor-loop.md', '{'))))
    return report
  }
}

it('saves whole batches, and on SIGTERM the one that has been begun', async () => {
  using loop = new Loop()
  await loop.until(() => loop.stdout.includes('reading') && loop.rows().length >= 200)
  const report = await loop.end()
  const rows = loop.rows()
  expect(report.reason).toBe('Received SIGTERM')
  expect(rows).toHaveLength(report.rows)
  expect(report.rows % 100).toBe(report.partial % 100)
  for (const row of rows) expect(row).toMatch(/^\d+\.\d,\d+\.\d{4},\d+$/)
})

it('slows down while the machine is busy', async () => {
  using loop = new Loop()
  await loop.until(() => loop.stdout.includes('reading'))
  let busy = 0
  const load = setInterval(() => {
    busy += 100
    machine.write('proc/stat', `cpu  ${busy} 0 50 1000 0 0 0 0 0 0\ncpu0 ${busy} 0 50 1000 0 0 0 0 0 0\n`)
  }, 20)
  await loop.until(() => loop.stdout.includes('loop: slowed'))
  clearInterval(load)
  await loop.end()
})

it('does not fill the last of a disk', async () => {
  using loop = new Loop('--min-free', '1000000TB')
  await loop.until(() => loop.stdout.includes('loop: paused') && loop.stdout.includes('reading'))
  expect(await loop.end()).toMatchObject({ rows: 0 })
  expect(loop.rows()).toEqual([])
})
