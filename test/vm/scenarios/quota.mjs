// A quota: `cpu` is the share of the allowed time, throttling shows, and a removed quota no longer counts.
import { Subject, bin, check, comes, equal, group, scenario, table, write } from '../guest/scenario.mjs'

await scenario(async () => {
  const folder = group('quota', { 'cpu.max': '50000 100000' })
  const subject = await Subject.start({ group: folder })
  await subject.guard('busy', { cpu: { above: 90, for: '1s' } })
  await subject.guard('throttled', { 'cpu.throttled': { above: 20, for: '1s' } })
  const spinner = await subject.run((t, spin) => t.start([spin, '300']), `${bin}/spin`)

  const busy = await subject.comes('cpu breaches', 'busy', 'breach')
  check('the breach has a share of the quota', busy?.value > 90 && busy.value <= 100, busy)
  check('the breach names this group', busy?.origin.startsWith(`${folder}/cpu.`), busy?.origin)
  await subject.comes('cpu.throttled breaches', 'throttled', 'breach')
  check('the kernel has throttled the group', table(`${folder}/cpu.stat`).nr_throttled > 0, table(`${folder}/cpu.stat`))
  const seen = await subject.run((t) => t.collect(['cpu', 'cpu.throttled', 'cpu.host'], 12))
  check(
    'shares stay within 0 to 100',
    Object.values(seen)
      .flat()
      .every((each) => each >= 0 && each <= 100),
    seen,
  )

  write(`${folder}/cpu.max`, 'max 100000')
  await subject.comes('cpu is clear without a quota: one of two CPUs is busy', 'busy', 'clear')
  await subject.comes('cpu.throttled is clear without a quota', 'throttled', 'clear')
  await comes('cpu.throttled is 0', async () => (await subject.value('cpu.throttled')).value === 0)
  equal('the busy process was running all the time', await subject.run((t, pid) => process.kill(pid, 0), spinner), true)
})
