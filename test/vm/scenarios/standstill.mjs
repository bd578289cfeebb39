// Time in which the process stood still is no time in which a limit was crossed.
import { Subject, check, equal, group, pause, poll, read, scenario, write } from '../guest/scenario.mjs'

await scenario(async () => {
  const folder = group('still')
  /** What happens to a guard whose limit is crossed before, and not looked at while the process stands still. */
  async function holds(how, stop, proceed) {
    const subject = await Subject.start({ group: folder })
    const limit = { 'process.rss': { above: '1MB', for: '20s' } }
    await subject.guard('long', limit)
    await poll(async () => (await subject.state('long')) === 'pending')
    await stop(subject)
    await pause(22_000)
    await proceed(subject)
    equal(`${how}: it has not breached when the process goes on`, await subject.state('long'), 'pending')
    check(`${how}: nor notified of one`, subject.of('long', 'breach').length === 0, subject.of('long'))
    const breach = await subject.comes(`${how}: it breaches once it was crossed for that long`, 'long', 'breach')
    check(`${how}: with the value`, breach?.value > 1e6, breach)
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
      equal('cgroup.freeze: it has not breached when the process goes on', await subject.state('long'), 'pending')
      await subject.comes('cgroup.freeze: it breaches once it was crossed for that long', 'long', 'breach')
    })(),
  ])
})
