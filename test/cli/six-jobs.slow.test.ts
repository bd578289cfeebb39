/** Six jobs of 300 MB in a control group of 1200 MB: started at once, each by itself, and with reservations. */
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { totalmem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { CLI, runCommand, type Outcome } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'
import { MemoryGroup, NO_MEMORY_GROUP } from '../helpers/cgroup.js'

const possible = NO_MEMORY_GROUP === undefined && totalmem() > 3e9
// Holds its memory for a moment, or until the file exists that it is given.
const JOB = `
  const held = Buffer.alloc(300e6, 1)
  const end = () => process.exit(held.length === 3e8 ? 0 : 1)
  const [stop] = process.argv.slice(1)
  if (stop === undefined) setTimeout(end, 500)
  else setInterval(() => require('fs').existsSync(stop) && end(), 50)`

class Jobs {
  readonly group = new MemoryGroup(1200e6)
  readonly folder = mkdtempSync(join(tmpdir(), 'tripline-six-'))
  readonly stop = join(this.folder, 'stop')

  /** Runs a command in the group. */
  run(...command: string[]): Promise<Outcome> {
    const env = { ...process.env, TRIPLINE_RESERVATIONS: this.folder }
    return runCommand('/bin/sh', ['-c', 'echo $$ > "$0" && exec "$@"', this.group.enter, ...command], {
      env,
      limit: 80_000,
    })
  }

  start(options: readonly string[], ...args: string[]): Promise<Outcome>[] {
    const job = [process.execPath, '-e', JOB, ...args]
    return Array.from({ length: 6 }, () => this.run(process.execPath, CLI, 'run', '-q', ...options, '--', ...job))
  }

  /** Lets the jobs end, once the kernel has killed one. */
  async end(jobs: readonly Promise<Outcome>[]): Promise<void> {
    await eventually(() => this.group.killed > 0, 'a job is killed', 60_000)
    writeFileSync(this.stop, '')
    await Promise.all(jobs)
    await this.group.remove()
  }
}

it.runIf(possible)(
  'are killed by the kernel in part if all start at once',
  async () => {
    const jobs = new Jobs()
    await jobs.end(jobs.start([], jobs.stop))
  },
  90_000,
)

it.runIf(possible)(
  'are killed in part if each waits until memory is free',
  async () => {
    const jobs = new Jobs()
    const first = join(jobs.folder, 'first')
    const big = JOB.replaceAll('300e6', '900e6').replace('3e8', '9e8')
    const before = jobs.run(process.execPath, '-e', big, first)
    await eventually(() => jobs.group.used > 900e6, 'the memory is in use')
    const waiting = jobs.start(['--start-when', 'memory.available>350MB'], jobs.stop)
    await eventually(() => jobs.group.processes.filter((pid) => isSampling(pid)).length === 6, 'all wait', 60_000)
    writeFileSync(first, '')
    await before
    await jobs.end(waiting)
  },
  90_000,
)

it.runIf(possible)(
  'all succeed with reservations',
  async () => {
    const jobs = new Jobs()
    const outcomes = await Promise.all(jobs.start(['--reserve', '350MB']))
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0])
    expect(jobs.group.killed).toBe(0)
    await jobs.group.remove()
    expect(readdirSync(jobs.folder)).toEqual([])
  },
  90_000,
)

/** Whether a process has a sampling thread, so that it watches the condition. */
function isSampling(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).some((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').startsWith('tripline'),
    )
  } catch {
    return false
  }
}
