// A kernel booted with psi=0 has the pressure files but refuses reads: the metrics are unavailable, with that reason.
import { Subject, check, equal, scenario } from '../guest/scenario.mjs'

await scenario(async () => {
  const subject = await Subject.start()
  const rows = await subject.run((t) => t.tripline.capabilities().filter((each) => each.metric.startsWith('pressure.')))
  equal('there are six pressure metrics', rows.length, 6)
  for (const { metric, available, why } of rows) {
    equal(`${metric} is unavailable`, available, false)
    check(`${metric} says why`, why.length > 10 && !why.includes('unknown'), why)
  }
  const value = await subject.value('pressure.memory')
  equal('a sample fails', value.code, 'ERR_TRIPLINE_METRIC_UNAVAILABLE')
  const made = await subject.guard('stalled', { 'pressure.memory': 10 }).catch((error) => error)
  equal('a guard on one cannot be made', made.code, 'ERR_TRIPLINE_METRIC_UNAVAILABLE')
  await subject.guard('ignored', { memory: 99, 'pressure.memory': { above: 10, onMissing: 'ignore' } })
  equal("a guard with onMissing 'ignore' is clear", await subject.state('ignored'), 'clear')
  await subject.guard('missed', { 'pressure.memory': { above: 10, onMissing: 'breach' } })
  await subject.comes("a guard with onMissing 'breach' breaches", 'missed', 'breach')
})
