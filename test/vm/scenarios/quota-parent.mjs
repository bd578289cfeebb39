// The quota of a parent counts, including the CPU time of other groups below it. A cpuset limits the CPUs of `cpu`.
import { Subject, bin, check, comes, group, scenario, start } from '../guest/scenario.mjs'

await scenario(async () => {
  const outer = group('parent', { 'cpu.max': '30000 100000' })
  const inner = group('parent/inner')
  const sibling = group('parent/sibling')
  const subject = await Subject.start({ group: inner })
  await subject.guard('busy', { cpu: { above: 90, for: '1s' } })
  const spinner = start([`${bin}/spin`, '300'], { group: sibling })
  const busy = await subject.comes('cpu breaches because a sibling is busy', 'busy', 'breach')
  check('the breach has a share of the parent’s quota', busy?.value > 90 && busy.value <= 100, busy)
  check('the breach names the parent', busy?.origin.startsWith(`${outer}/cpu.`), busy?.origin)
  spinner.kill()
  await spinner.ended
  await subject.comes('cpu is clear when the sibling has ended', 'busy', 'clear')
  await subject.end()

  const other = start([`${bin}/spin`, '300'], { taskset: '0' })
  const free = await Subject.start({ group: group('set', { 'cpuset.cpus': '1' }) })
  let seen
  const isIdle = async () => {
    seen = [await free.value({ metric: 'cpu', over: '2s' }), await free.value({ metric: 'cpu.host', over: '2s' })]
    return seen[0].value < 40 && seen[1].value > seen[0].value + 10
  }
  await comes('cpu covers only the idle CPU of the cpuset, cpu.host both CPUs', isIdle, () => seen)
  other.kill()
})
