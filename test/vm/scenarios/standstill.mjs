// Time in which the process stood still does not count as time in which a limit was crossed.
import { Subject, check, equal, group, pause, poll, read, scenario, write } from '../guest/scenario.mjs'

await scenario(async () => {
  const folder = group('still')
  /** Checks a guard whose limit is crossed before the process stands still, during which it cannot be read. */
  async function holds(how, stop, proceed) {
    const subject = await Subject.start({ group: folder })
    const limit = { 'process.rss': { above: '1MB', for: '20s' } }
    await subject.guard('long', limit)
    await poll(async () => (await subject.state('long')) === 'pending')
    await stop(subject)
    await pause(22_000)
    await proceed(subject)
    equal(`${how}: the guard is pending when the process continues`, await subject.state('long'), 'pending')
    check(`${how}: it has reported no breach`, subject.of('long', 'breach').length === 0, subject.of('long'))
    const breach = await subject.comes(`${how}: it breaches once the limit was crossed for 20 s`, 'long', 'breach')
    check(`${how}: the breach has the value`, breach?.value > 1e6, breach)
    await subject.end()
  }
  await Promise.all([
    holds(
      'SIGSTOP',
      (subject) => subject.signal('SIGSTOP'),
      (subject) => subject.signal('SIGCONT'),
    ),
    (async () => {
      const frozen = group('frozen')
      const subject = await Subject.start({ group: frozen })
      await subject.guard('long', { 'process.rss': { above: '1MB', for: '20s' } })
      await poll(async () => (await subject.state('long')) === 'pending')
      write(`${frozen}/cgroup.freeze`, 1)
      await poll(() => read(`${frozen}/cgroup.events`).includes('frozen 1'))
      await pause(22_000)
      write(`${frozen}/cgroup.freeze`, 0)
      equal('cgroup.freeze: the guard is pending when the process continues', await subject.state('long'), 'pending')
      await subject.comes('cgroup.freeze: it breaches once the limit was crossed for 20 s', 'long', 'breach')
    })(),
  ])
})
