/** Metrics of this process's control group, over a made-up file tree. */
import { describe, expect, it } from 'vitest'
import { Cancelable, guard, sample } from '../../src/index.js'
import { eventually } from '../helpers/eventually.js'
import { FakeMachine } from '../helpers/fake-machine.js'

const EVENTS = 'sys/fs/cgroup/app/memory.events'

function inGroup(): FakeMachine {
  const machine = new FakeMachine()
  machine.write('proc/self/cgroup', '0::/app\n')
  machine.write(
    'proc/self/mountinfo',
    `1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / ${machine.root}/sys/fs/cgroup rw - cgroup2 cgroup2 rw\n`,
  )
  return machine
}

describe('memory.oomKills', () => {
  it('counts from when each guard was made', async () => {
    using machine = inGroup()
    machine.write(EVENTS, 'oom_kill 3\n')
    using first = guard({ 'memory.oomKills': 0 })
    expect(first.state).toBe('clear')
    machine.write(EVENTS, 'oom_kill 4\n')
    await eventually(() => first.state === 'breached')
    expect(first.breaches[0]).toMatchObject({ metric: 'memory.oomKills', value: 1, unit: 'count' })
    using second = guard({ 'memory.oomKills': 0 })
    expect(second.state).toBe('clear')
    expect((await sample('memory.oomKills')).get('memory.oomKills')?.value).toBe(0)
    machine.write(EVENTS, 'oom_kill 5\n')
    await eventually(() => second.state === 'breached')
    expect(second.breaches[0]?.value).toBe(1)
    expect([...(await sample('memory.oomKills'))]).toEqual([
      { metric: 'memory.oomKills', unit: 'count', value: 0, at: expect.any(Number) },
    ])
  })

  it('does not cancel an operation for kills before it started', async () => {
    using machine = inGroup()
    machine.write(EVENTS, 'oom_kill 0\n')
    const resources = { 'memory.oomKills': 0 }
    const first = Cancelable.run((cancel) => cancel.sleep('20s'), { resources })
    machine.write(EVENTS, 'oom_kill 1\n')
    await expect(first).rejects.toMatchObject({ reason: { kind: 'resource' } })
    expect(await Cancelable.run(() => 'done', { resources })).toBe('done')
  })
})
