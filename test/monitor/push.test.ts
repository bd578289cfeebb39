/** Kernel push: the polling interval is an hour, so that only a notification can cause the deciding read. */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import { guard } from '../../src/monitor/guard.js'
import { samplerStats } from '../../src/addon/sampler.js'
import { capabilities } from '../../src/monitor/capabilities.js'
import { runModule } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'
import { FakeMachine } from '../helpers/fake-machine.js'

const burners: ChildProcess[] = []
afterEach(() => {
  for (const each of burners.splice(0)) each.kill('SIGKILL')
})

const canPush = (metric: string): boolean => capabilities().find((each) => each.metric === metric)!.push

describe('a pressure trigger', () => {
  if (!canPush('pressure.cpu')) console.warn('skipped: the kernel allows no pressure trigger here')

  it.skipIf(!canPush('pressure.cpu'))('causes a read, and the read decides', async () => {
    using watched = guard({ 'pressure.cpu': { above: 10, for: 0 } }, { within: '1h' })
    const before = samplerStats()!.rings
    for (let i = 0; i < availableParallelism() * 3; i++) {
      burners.push(spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }))
    }
    await eventually(() => watched.isBreached, 'the trigger rings under load', 25_000)
    expect(samplerStats()!.rings).toBeGreaterThan(before)
    expect(watched.breaches[0]!.value).toBeGreaterThan(10)
  })

  it('is never written to another machine’s files', () => {
    using machine = new FakeMachine()
    const text = 'some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n'
    machine.write('proc/pressure/cpu', text)
    using watched = guard({ 'pressure.cpu': 50 }, { within: '1h' })
    expect(watched.state).toBe('clear')
    expect(readFileSync(`${machine.root}/proc/pressure/cpu`, 'utf8')).toBe(text)
    expect(capabilities().find((each) => each.metric === 'pressure.cpu')).toMatchObject({
      available: true,
      push: false,
      pushWhy: expect.stringContaining('not the kernel') as string,
    })
  })
})

const V1 = '/sys/fs/cgroup/memory'
const group = `${V1}${ownV1Group()}/tripline-test-${process.pid}`

function ownV1Group(): string {
  const line = existsSync('/proc/self/cgroup') && /^\d+:memory:(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))
  return line ? line[1]! : ''
}

function canMakeGroup(): boolean {
  try {
    mkdirSync(group)
    rmdirSync(group)
    return existsSync(`${V1}/memory.limit_in_bytes`)
  } catch {
    return false
  }
}

/** The first breach in a group of this size, as the child process printed it. */
async function inGroup(within: string): Promise<string> {
  mkdirSync(group)
  try {
    writeFileSync(`${group}/memory.limit_in_bytes`, String(64 * 2 ** 20))
    // The child moves itself in before it imports anything; V8 is kept small enough to fit.
    const outcome = await runModule(
      `
      import { writeFileSync } from 'node:fs'
      const watched = tripline.guard({ memory: { above: 80 } }, { within: '${within}' })
      const eaten = []
      const eat = setInterval(() => eaten.push(Buffer.alloc(1e6, 1)), 5)
      watched.on('breach', (breach) => {
        clearInterval(eat)
        console.log(JSON.stringify({ ...breach, rings: tripline.samplerStats().rings }))
        watched.close()
      })
      setTimeout(() => { console.log('never'); process.exit(1) }, 15000).unref()
      `,
      { cgroup: group },
    )
    expect(outcome).toMatchObject({ code: 0, signal: null })
    return outcome.stdout
  } finally {
    await eventually(() => {
      try {
        rmdirSync(group)
        return true
      } catch {
        return false
      }
    })
  }
}

describe('a memory cgroup of 64 MB', () => {
  const possible = canMakeGroup()
  if (!possible) console.warn('skipped: no version 1 memory cgroup can be made here')

  it.skipIf(!possible)('breaches on the cgroup’s number while the host is idle', async () => {
    const breach = JSON.parse(await inGroup('100ms')) as { origin: string; value: number }
    expect(breach.origin).toContain(group)
    expect(breach.value).toBeGreaterThan(80)
  })

  it.skipIf(!possible)('triggers at its usage threshold when polling would take an hour', async () => {
    const breach = JSON.parse(await inGroup('1h')) as { rings: number }
    expect(breach.rings).toBeGreaterThan(0)
  })
})
