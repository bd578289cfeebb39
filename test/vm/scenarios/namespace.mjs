// In a cgroup namespace without a remount, /proc/self/cgroup shows `/`, but the real root is mounted: the process's own
// group has to be found, or its metrics must be unavailable.
import {
  MiB,
  Subject,
  check,
  endsInTime,
  equal,
  finish,
  group,
  headroom,
  killsIn,
  poll,
  read,
  scenario,
  start,
} from '../guest/scenario.mjs'

await scenario(async () => {
  const limit = 200 * MiB
  const folder = group('space', { 'memory.max': limit, 'pids.max': 500 })
  const subject = await Subject.start({ group: folder, unshare: ['--cgroup'] })
  await subject.run((t) => t.keep(60e6))
  const [cgroup, mount] = await subject.run(() => {
    const { readFileSync } = process.getBuiltinModule('fs')
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
    return [readFileSync('/proc/self/cgroup', 'utf8').trim(), mounts.find((line) => line.includes(' - cgroup2 '))]
  })
  equal('/proc/self/cgroup hides the group', cgroup, '0::/')
  equal('mountinfo shows where the mount begins', mount?.split(' ')[3], '/..')

  const memory = await subject.value('memory')
  const expected = 100 * (1 - headroom(folder) / limit)
  const unknown = memory.unavailable !== undefined && memory.unavailable.length > 20
  check('memory is the share of the group’s limit, or unavailable', unknown || Math.abs(memory.value - expected) < 6, {
    ...memory,
    expected,
  })
  const available = await subject.value('memory.available')
  check(
    'memory.available is within the limit, or unavailable',
    available.unavailable !== undefined || available.value <= limit,
    available,
  )

  if (!unknown) {
    await subject.guard('full', { memory: 90 })
    await endsInTime(subject, 'full', killsIn(folder))
  }
  await subject.end()

  // A command under `run` must stay below this group, wherever its own group is made.
  const running = start(['tripline', 'run', '--', 'sleep', '8'], { group: folder, unshare: ['--cgroup'] })
  const sleeper = await poll(async () => (await finish(['pgrep', '-x', 'sleep'])).output.trim())
  check(
    'the command of run stays in the group',
    read(`/proc/${sleeper}/cgroup`).startsWith('0::/space'),
    read(`/proc/${sleeper}/cgroup`),
  )
  const { code, output } = await running.ended
  equal('the command ends normally', code, 0)
  equal('run prints nothing', output, '')
})
