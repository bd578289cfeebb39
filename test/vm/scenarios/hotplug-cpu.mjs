// CPUs are switched off and on: shares stay within 0 to 100, and no metric becomes unavailable.
import { Subject, bin, check, equal, pause, read, scenario, write } from '../guest/scenario.mjs'

const online = '/sys/devices/system/cpu/cpu1/online'
const metrics = ['cpu', 'cpu.host', 'cpu.iowait', 'cpu.steal', 'load', 'process.cpu']

await scenario(async () => {
  for (const taskset of [undefined, '1']) {
    const where = taskset === undefined ? 'on both CPUs' : 'bound to the CPU that goes'
    const subject = await Subject.start({ taskset })
    const spinner = await subject.run((t, spin) => t.start([spin, '300']), `${bin}/spin`)
    await subject.guard('over', { cpu: { above: 100, for: 0 }, 'cpu.host': { above: 100, for: 0 } })
    await subject.guard('single', { 'process.cpu': { above: 130, for: 0, pid: spinner } })
    const watched = subject.run((t, ...args) => t.collect(...args), metrics, 28)
    for (const value of [0, 1, 0, 1]) {
      await pause(1500)
      write(online, value)
      equal(`${where}: the kernel has switched the CPU`, read(online), String(value))
    }
    const seen = await watched
    for (const metric of ['cpu', 'cpu.host', 'cpu.iowait', 'cpu.steal'])
      check(
        `${where}: ${metric} stays within 0 to 100`,
        seen[metric].every((each) => each >= 0 && each <= 100),
        seen[metric].map(Math.round),
      )
    for (const metric of metrics)
      check(`${where}: ${metric} was always available`, seen[metric].length >= 25, seen[metric].length)
    check(
      `${where}: load is a plausible number of tasks per CPU`,
      seen.load.every((each) => each >= 0 && each < 50),
      seen.load,
    )
    equal(`${where}: no share of the machine exceeds 100`, subject.of('over', 'breach').length, 0)
    check(
      `${where}: one thread never has more than one CPU`,
      subject.of('single', 'breach').length === 0,
      subject.of('single'),
    )
    equal(`${where}: nothing is unavailable`, subject.events.filter((each) => each.event === 'unavailable').length, 0)
    await subject.end()
  }
})
