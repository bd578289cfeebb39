// The quota of a parent counts, with what others below it use; a cpuset narrows what `cpu` is a share of.
import { Subject, bin, check, comes, group, scenario, start } from '../guest/scenario.mjs'

await scenario(async () => {
  const outer = group('parent', { 'cpu.max': '30000 100000' })
  const inner = group('parent/inner')
  const sibling = group('parent/sibling')
  const subject = await Subject.start({ group: inner })
  await subject.guard('busy', { cpu: { above: 90, for: '1s' } })
  const spinner = start([`${bin}/spin`, '300'], { group: sibling })
  const busy = await subject.comes('cpu breaches with what a sibling uses', 'busy', 'breach')
  check('with a share of the parent’s quota', busy?.value > 90 && busy.value <= 100, busy)
  check('of the parent', busy?.origin.startsWith(`${outer}/cpu.`), busy?.origin)
  spinner.kill()
  await spinner.ended
  await subject.comes('and is clear without it', 'busy', 'clear')
  await subject.end()

  const other = start([`${bin}/spin`, '300'], { taskset: '0' })
  const free = await Subject.start({ group: group('set', { 'cpuset.cpus': '1' }) })
  let seen
  const isIdle = async () => {
    seen = [await free.value({ metric: 'cpu', over: '2s' }), await free.value({ metric: 'cpu.host', over: '2s' })]
    return seen[0].value < 40 && seen[1].value > seen[0].value + 10
  }
  await comes('cpu is of the CPU in the cpuset, which is idle; cpu.host of both', isIdle, () => seen)
  other.kill()
})
