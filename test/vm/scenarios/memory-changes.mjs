// Limits are set, raised and removed, and a process is moved: the value follows.
import {
  MB,
  Subject,
  cgroups,
  check,
  comes,
  equal,
  group,
  headroom,
  read,
  scenario,
  write,
} from '../guest/scenario.mjs'

await scenario(async () => {
  const folder = group('changes', { 'memory.max': 400e6 })
  const tight = group('tight', { 'memory.max': 100e6 })
  const free = group('free')
  const subject = await Subject.start({ group: folder })
  await subject.run((t) => t.keep(115e6))
  await subject.guard('full', { memory: { above: 70, clear: 60 } })

  /** Waits until the value matches the files of the group `decides`. */
  async function follows(what, decides) {
    let seen
    const fits = async () => {
      seen = await subject.value('memory.available')
      return Math.abs(seen.value - headroom(decides)) < 8 * MB
    }
    await comes(what, fits, () => ({ ...seen, expected: headroom(decides) }), 20_000)
  }
  /** Waits until the machine's own figure decides. */
  async function isHosts(what) {
    let seen
    const fits = async () => {
      seen = [await subject.value('memory'), await subject.value('memory.host')]
      return Math.abs(seen[0].value - seen[1].value) < 2
    }
    await comes(what, fits, () => seen, 20_000)
  }

  await follows('400 MB', folder)
  write(`${folder}/memory.max`, 150e6)
  await follows('lowered to 150 MB', folder)
  const breach = await subject.comes('the guard is breached', 'full', 'breach')
  check('the breach has the share of the new limit', breach?.value > 70 && breach.value <= 100, breach)
  write(`${folder}/memory.max`, 'max')
  await isHosts('limit removed: the machine decides')
  await subject.comes('the guard is clear', 'full', 'clear')
  write(`${folder}/memory.max`, 150e6)
  await follows('set to 150 MB again', folder)
  await subject.comes('the guard is breached again', 'full', 'breach', 1)
  write(`${folder}/memory.max`, 400e6)
  await follows('raised to 400 MB', folder)

  // Memory stays charged to the group in which it was touched.
  write(`${tight}/cgroup.procs`, subject.pid)
  await follows('moved to a group with 100 MB', tight)
  write(`${cgroups}/cgroup.procs`, subject.pid)
  await isHosts('moved to the root')
  write(`${folder}/cgroup.procs`, subject.pid)
  await follows('moved back', folder)
  write(`${free}/cgroup.procs`, subject.pid)
  await isHosts('moved to a group without a limit')
  equal('the process was moved', read(`/proc/${subject.pid}/cgroup`), '0::/free')
  equal('the metric was never unavailable', subject.of('full', 'unavailable').length, 0)
})
