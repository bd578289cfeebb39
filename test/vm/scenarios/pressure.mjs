// Pressure metrics as root and as a user. The scenario tries which triggers the kernel allows.
import { Subject, bin, check, equal, finish, group, scenario, write } from '../guest/scenario.mjs'

const trigger = (file, window) => `exec 4<>${file} && printf 'some 150000 ${window}\\0' >&4`

await scenario(async () => {
  await finish(['chmod', '755', '/app'])
  for (const user of [undefined, 'joe']) {
    const name = user ?? 'root'
    const mayFast = (await finish(['bash', '-c', trigger('/proc/pressure/memory', 1_000_000)], { user })).code === 0
    const maySlow = (await finish(['bash', '-c', trigger('/proc/pressure/memory', 2_000_000)], { user })).code === 0
    const subject = await Subject.start({ user })
    const rows = await subject.run((t) =>
      t.tripline.capabilities().filter((each) => each.metric.startsWith('pressure.')),
    )
    for (const each of rows) check(`${name}: ${each.metric} is available`, each.available, each.why)
    const pushed = rows.find((each) => each.metric === 'pressure.memory')
    check(
      `${name}: push matches what the kernel allows (window: ${mayFast ? 'any' : maySlow ? '2 s' : 'none'})`,
      mayFast ? pushed.push : maySlow || !pushed.push,
      [pushed.push, pushed.pushWhy],
    )
    check(`${name}: pushWhy explains why there is no push`, pushed.push || pushed.pushWhy.length > 10, pushed.pushWhy)
    const full = rows.find((each) => each.metric === 'pressure.cpu.full')
    equal(`${name}: pressure.cpu.full has no push`, full.push, false)
    await subject.end()
  }

  // Reclaim below memory.high stalls the group, and the machine's figure shows it.
  const folder = group('stalled', { 'memory.high': 60e6, 'memory.max': 300e6 })
  for (const user of [undefined, 'joe']) {
    const name = user ?? 'root'
    const subject = await Subject.start({ user })
    await subject.guard('stalled', { 'pressure.memory': { above: 5, for: '1s' } })
    const hog = finish([`${bin}/hog`, '30', '250', '60'], { group: folder })
    const breach = await subject.comes(`${name}: pressure.memory breaches while a group stalls`, 'stalled', 'breach')
    equal(`${name}: the breach names the machine’s file`, breach?.origin, '/proc/pressure/memory')
    check(`${name}: the breach has a share`, breach?.value > 5 && breach.value <= 100, breach?.value)
    write(`${folder}/cgroup.kill`, 1)
    await hog
    await subject.comes(`${name}: the guard is clear afterwards`, 'stalled', 'clear')
    await subject.end()
  }
})
