// cpu.max.burst lets a group save unused quota. It can then use more than its quota, but `cpu` never exceeds 100 %.
import { Subject, bin, check, equal, group, pause, poll, scenario, table } from '../guest/scenario.mjs'

await scenario(async () => {
  const folder = group('burst', { 'cpu.max': '100000 200000', 'cpu.max.burst': '100000' })
  const subject = await Subject.start({ group: folder })
  await subject.guard('over', { cpu: { above: 100, for: 0 } })
  const seen = []
  for (let round = 0; round < 4; round++) {
    await pause(1500)
    const watched = subject.run((t) => t.collect(['cpu', 'cpu.throttled'], 15, '100ms'))
    const spinners = await subject.run((t, spin) => [t.start([spin, '2']), t.start([spin, '2'])], `${bin}/spin`)
    const values = await watched
    seen.push(...values.cpu, ...values['cpu.throttled'])
    await poll(async () => await subject.run((t, pids) => pids.every((pid) => t.hasEnded(pid)), spinners))
  }
  const stat = table(`${folder}/cpu.stat`)
  check('there were bursts', stat.nr_bursts > 0, stat)
  check(
    'shares stay within 0 to 100',
    seen.every((each) => each >= 0 && each <= 100),
    seen.map(Math.round),
  )
  equal('a limit of 100 is never crossed', subject.of('over', 'breach').length, 0)
})
