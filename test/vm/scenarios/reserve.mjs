// Reservations in control groups of version 2: what a group has bounds and queues its own members only, and memory that is
// promised to one job is not given to another, so that the kernel has nothing to kill.
import { MiB, bin, check, comes, equal, finish, group, killsIn, scenario, start } from '../guest/scenario.mjs'

const reserving = (what, command, ...options) => ['tripline', 'run', '--reserve', what, ...options, '--', ...command]

await scenario(async () => {
  const tight = group('tight', { 'memory.max': 350 * MiB, 'cpu.max': '100000 100000' })
  const other = group('other', { 'memory.max': 350 * MiB })

  // A job that needs most of the group, and three things that come while it runs.
  const job = ['sh', '-c', 'echo started; exec sleep infinity']
  const first = start(reserving('200MB,cpu=1', job), { group: tight })
  await comes(
    'what fits into the group is granted',
    () => first.output.includes('started'),
    () => first.output,
  )
  const [large, cpu, elsewhere] = await Promise.all([
    finish(reserving('500MB', ['true']), { group: tight }),
    finish(reserving('cpu=1', ['true'], '--wait', '500ms'), { group: tight }),
    finish(reserving('150MB,cpu=1', ['true']), { group: other }),
  ])
  // Alone, since what waits longer is what it would be behind.
  const second = await finish(reserving('150MB', ['true'], '--wait', '500ms'), { group: tight })
  equal('more than the limit of the group is refused', large.code, 125)
  check('the message names the group', large.output.includes('/sys/fs/cgroup/tight'), large.output)
  equal('what is promised in the group is not given again', second.code, 122)
  check('the message names group and holder', /cgroup\/tight has .* held by/.test(second.output), second.output)
  equal('nor are the CPUs of its quota', cpu.code, 122)
  check('the message names the quota’s group', /cgroup\/tight has 1 CPU/.test(cpu.output), cpu.output)
  equal('a job in another group does not wait for this one', elsewhere.code, 0)
  const waiting = start(reserving('150MB', ['true']), { group: tight })
  await comes('a job that waits is listed', async () => {
    const { output } = await finish(['tripline', 'doctor'])
    return /has waited for 150MB/.test(output)
  })
  first.kill('SIGKILL')
  equal('the end of the holder, also by kill -9, lets it start', (await waiting.ended).code, 0)

  // Jobs that fit one after the other only.
  const jobs = Array.from({ length: 3 }, () =>
    finish(reserving('150MB', [`${bin}/hog`, '0', '150', '2']), { group: tight }),
  )
  const codes = (await Promise.all(jobs)).map((each) => each.code)
  equal('three jobs that do not fit together all end well', codes.join(' '), '0 0 0')
  equal('the kernel has killed nothing', killsIn(tight)(), 0)
})
