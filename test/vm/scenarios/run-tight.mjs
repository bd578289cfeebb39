// `tripline run` in groups that are hardly larger than the limit: it ends the command before the kernel has to kill.
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
  equal('--memory 80MB ends it', size.code, 123)
  check('and says so', size.output.includes('process.footprint'), size.output)
  equal('the kernel has killed nothing', kills(), 0)
  const share = await run('--memory 50%')
  equal('--memory 50% ends it', share.code, 123)
  equal('the kernel has killed nothing', kills(), 0)
  const whole = await run('--limit memory>90')
  equal('--limit memory>90 ends it', whole.code, 123)
  check('and says so', whole.output.includes('memory'), whole.output)
  equal('the kernel has killed nothing', kills(), 0)

  const narrow = group('narrow', { 'pids.max': 80 })
  const breed = await underLimits('--procs 30 --kill-after 1s', `${bin}/breed 60`, { group: narrow })
  equal('--procs ends a command that breeds', breed.code, 123)
  equal('with all of it', read(`${narrow}/cgroup.procs`), '')
  const full = await underLimits('--timeout 5s --kill-after 1s', `${bin}/breed 200`, { group: narrow })
  equal('--timeout ends one that has filled pids.max', full.code, 124)
  check('it was full', table(`${narrow}/pids.events`).max > 0, table(`${narrow}/pids.events`))
  const rest = await finish(['pgrep', '-c', '-x', 'breed'])
  equal('nothing is left', rest.output.trim(), '0')
})
