// A quota is raised: used time is compared with the time that was allowed when it was used.
import { Subject, bin, check, comes, equal, group, poll, scenario, table, write } from '../guest/scenario.mjs'

await scenario(async () => {
  const folder = group('raised', { 'cpu.max': '190000 100000' })
  const subject = await Subject.start({ group: folder })
  await subject.run((t, spin) => t.start([spin, '300']), `${bin}/spin`)
  await comes('one of two CPUs is busy', async () => (await subject.value('cpu')).value > 40)

  for (const [low, high] of [
    ['60000 100000', '190000 100000'],
    ['20000 100000', '200000 100000'],
    ['40000 100000', 'max 100000'],
  ]) {
    write(`${folder}/cpu.max`, low)
    const before = table(`${folder}/cpu.stat`).nr_throttled
    await poll(() => table(`${folder}/cpu.stat`).nr_throttled > before + 10)
    const watched = subject.run((t) => t.collect(['cpu'], 30, '100ms'))
    await new Promise((done) => setTimeout(done, 1000))
    write(`${folder}/cpu.max`, high)
    const { cpu } = await watched
    check(`from ${low} to ${high}, cpu is never above 100`, Math.max(...cpu) <= 100, cpu.map(Math.round))
    check(
      `from ${low} to ${high}, cpu ends at one of two CPUs`,
      await poll(async () => (await subject.value('cpu')).value < 75),
      'cpu',
    )
  }

  // A guard that is clear stays clear: one of two CPUs is at most 53 % of a quota of 190 %.
  write(`${folder}/cpu.max`, '190000 100000')
  await comes('cpu is about 50', async () => (await subject.value('cpu')).value < 75)
  await subject.guard('busy', { cpu: { above: 100, for: 0 } })
  for (const quota of ['30000 100000', '190000 100000', '30000 100000', 'max 100000']) {
    const before = table(`${folder}/cpu.stat`).usage_usec
    write(`${folder}/cpu.max`, quota)
    await poll(() => table(`${folder}/cpu.stat`).usage_usec > before + 600_000)
  }
  equal('a limit of 100 is never crossed', subject.of('busy', 'breach').length, 0)
})
