// A kernel that was started with psi=0 has the files and refuses to read them: unavailable, with that reason.
import { Subject, check, equal, scenario } from '../guest/scenario.mjs'

await scenario(async () => {
  const subject = await Subject.start()
  const rows = await subject.run((t) => t.tripline.capabilities().filter((each) => each.metric.startsWith('pressure.')))
  equal('there are six', rows.length, 6)
  for (const { metric, available, why } of rows) {
    equal(`${metric} is unavailable`, available, false)
    check(`${metric} says why`, why.length > 10 && !why.includes('unknown'), why)
  }
  const value = await subject.value('pressure.memory')
  equal('a sample fails', value.code, 'ERR_TRIPLINE_METRIC_UNAVAILABLE')
  const made = await subject.guard('stalled', { 'pressure.memory': 10 }).catch((error) => error)
  equal('a limit fails when it is made', made.code, 'ERR_TRIPLINE_METRIC_UNAVAILABLE')
  await subject.guard('ignored', { memory: 99, 'pressure.memory': { above: 10, onMissing: 'ignore' } })
  equal('one that may be missing is clear', await subject.state('ignored'), 'clear')
  await subject.guard('missed', { 'pressure.memory': { above: 10, onMissing: 'breach' } })
  await subject.comes('one that must not be missing breaches', 'missed', 'breach')
})
