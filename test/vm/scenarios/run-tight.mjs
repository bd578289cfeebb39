// `tripline run` in groups that are hardly larger than its limit ends the command before the kernel has to kill.
import {
  MiB,
  bin,
  check,
  equal,
  finish,
  group,
  killsIn,
  read,
  scenario,
  table,
  underLimits,
} from '../guest/scenario.mjs'

await scenario(async () => {
  const folder = group('tight', { 'memory.max': 150 * MiB })
  const run = (options) => underLimits(options, `${bin}/hog 30 400 60`, { group: folder })
  const kills = killsIn(folder)

  const size = await run('--memory 80MB')
  equal('--memory 80MB ends the command', size.code, 123)
  check('the message names process.footprint', size.output.includes('process.footprint'), size.output)
  equal('the kernel has killed nothing', kills(), 0)
  const share = await run('--memory 50%')
  equal('--memory 50% ends the command', share.code, 123)
  equal('the kernel has killed nothing', kills(), 0)
  const whole = await run('--limit memory>90')
  equal('--limit memory>90 ends the command', whole.code, 123)
  check('the message names memory', whole.output.includes('memory'), whole.output)
  equal('the kernel has killed nothing', kills(), 0)

  const narrow = group('narrow', { 'pids.max': 80 })
  const breed = await underLimits('--procs 30 --kill-after 1s', `${bin}/breed 60`, { group: narrow })
  equal('--procs ends a command that forks many processes', breed.code, 123)
  equal('no process of it is left', read(`${narrow}/cgroup.procs`), '')
  const full = await underLimits('--timeout 5s --kill-after 1s', `${bin}/breed 200`, { group: narrow })
  equal('--timeout ends a command that has filled pids.max', full.code, 124)
  check('the group was full', table(`${narrow}/pids.events`).max > 0, table(`${narrow}/pids.events`))
  const rest = await finish(['pgrep', '-c', '-x', 'breed'])
  equal('no process is left', rest.output.trim(), '0')
})
