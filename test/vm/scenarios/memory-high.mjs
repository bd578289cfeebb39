// memory.high slows a group down but kills nothing. It does not count as a limit, and it shows as pressure.
import {
  MiB,
  Subject,
  between,
  bin,
  check,
  equal,
  group,
  headroom,
  near,
  poll,
  scenario,
  table,
} from '../guest/scenario.mjs'

await scenario(async () => {
  const limit = 200 * MiB
  const folder = group('high', { 'memory.max': limit, 'memory.high': 120 * MiB })
  const subject = await Subject.start({ group: folder })
  await subject.guard('full', { memory: 95 })
  await subject.guard('stalled', { 'pressure.memory': { above: 5, for: '1s' } })
  await subject.run((t, hog) => t.start([hog, '40', '170', '60']), `${bin}/hog`)

  check('the kernel throttles it', await poll(() => table(`${folder}/memory.events`).high > 0), 'memory.events: high')
  await subject.comes('pressure.memory breaches', 'stalled', 'breach')
  const memory = await subject.value('memory')
  near('memory is the share of memory.max', memory.value, 100 * (1 - headroom(folder) / limit), 6)
  between('memory is beyond memory.high', memory.value, 45, 94)
  equal('the guard on memory has reported nothing', subject.of('full').length, 0)
  equal('the kernel has killed nothing', table(`${folder}/memory.events`).oom_kill, 0)
})
