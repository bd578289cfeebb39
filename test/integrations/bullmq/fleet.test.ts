/** Two worker processes on one Redis: one of them is starved of memory, canceled from outside, killed. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Queue } from 'bullmq'
import { describe, expect, it } from 'vitest'
import { cancelJob, workers } from '../../../src/integrations/bullmq/index.js'
import { eventually } from '../../helpers/eventually.js'
import { Redis } from '../redis.js'

const PROGRAM = fileURLToPath(new URL('worker-process.mjs', import.meta.url))

class WorkerProcess {
  readonly process: ChildProcess
  #output = ''

  constructor(redis: Redis) {
    const args = ['--expose-gc', PROGRAM, `${redis.port}`, '300MB']
    this.process = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.process.stdout!.on('data', (chunk: Buffer) => (this.#output += chunk.toString()))
  }

  /** The lines that begin with a word, without it. */
  lines(word: string): string[] {
    const found = this.#output.split('\n').filter((each) => each === word || each.startsWith(`${word} `))
    return found.map((each) => each.slice(word.length + 1))
  }

  async says(word: string, times = 1): Promise<void> {
    await eventually(
      () => this.lines(word).length >= times,
      () => `${word} in ${this.#output}`,
    )
  }

  order(line: string): void {
    this.process.stdin!.write(`${line}\n`)
  }

  async end(signal?: NodeJS.Signals): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      if (signal === undefined) this.order('close')
      else this.process.kill(signal)
      await once(this.process, 'exit')
    }
    return this.process.exitCode
  }
}

describe('two worker processes', () => {
  it('share the jobs: the starved one takes none, and each job is done once', async () => {
    await using redis = await Redis.start()
    const queue = new Queue('fleet', { connection: redis.connection })
    const [starved, healthy] = [new WorkerProcess(redis), new WorkerProcess(redis)]
    try {
      await Promise.all([starved.says('ready'), healthy.says('ready')])
      starved.order('eat')
      await starved.says('held')
      const first = await addJobs(queue, 60)
      await healthy.says('done', 60)
      expect(starved.lines('start')).toEqual([])
      expect(healthy.lines('done').toSorted()).toEqual(first.toSorted())
      let states: string[] = []
      for (let tries = 0; tries < 400 && !states.includes('held'); tries++) {
        states = (await workers(queue)).map(({ state }) => state)
      }
      expect(states.toSorted()).toEqual(['held', 'running'])

      starved.order('free')
      await starved.says('resumed')
      const second = await addJobs(queue, 60)
      await eventually(() => starved.lines('done').length + healthy.lines('done').length >= 120)
      const done = [...starved.lines('done'), ...healthy.lines('done')]
      expect(done.toSorted()).toEqual([...first, ...second].toSorted())
      expect(starved.lines('done').length).toBeGreaterThan(0)
      expect([await starved.end(), await healthy.end()]).toEqual([0, 0])
      expect(await workers(queue)).toEqual([])
    } finally {
      await Promise.all([starved.end('SIGKILL'), healthy.end('SIGKILL')])
      await queue.close()
    }
  })

  it('are canceled by id from a third, and a job of the one that was killed is done by the other', async () => {
    await using redis = await Redis.start()
    const queue = new Queue('fleet', { connection: redis.connection })
    const first = new WorkerProcess(redis)
    let second: WorkerProcess | undefined
    try {
      await first.says('ready')
      const [long, lost] = await addJobs(queue, 2, 3_600_000)
      await first.says('start', 2)
      expect(await cancelJob(queue, long!, { reason: 'enough' })).toBe('active')
      await first.says('canceled')
      expect(first.lines('canceled')).toEqual([`${long} enough`])
      second = new WorkerProcess(redis)
      await second.says('ready')
      await first.end('SIGKILL')
      // At least once: it starts again.
      await second.says('start')
      expect(second.lines('start')).toEqual([lost])
      await cancelJob(queue, lost!)
      await second.says('canceled')
      expect(await second.end()).toBe(0)
    } finally {
      await Promise.all([first.end('SIGKILL'), second?.end('SIGKILL')])
      await queue.close()
    }
  })
})

async function addJobs(queue: Queue, count: number, time = 5): Promise<string[]> {
  const jobs = await queue.addBulk(Array.from({ length: count }, () => ({ name: 'job', data: { time } })))
  return jobs.map(({ id }) => id!)
}
