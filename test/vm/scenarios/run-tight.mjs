// `tripline run` in groups that are hardly larger than the limit: it ends the command before the kernel has to kill.
import { MiB, bin, check, equal, finish, group, read, scenario, table } from '../guest/scenario.mjs'

await scenario(async () => {
  const folder = group('tight', { 'memory.max': 150 * MiB })
  const run = (...args) => finish(['tripline', 'run', ...args], { group: folder })
  const kills = () => table(`${folder}/memory.events`).oom_kill

  const size = await run('--memory', '80MB', '--', `${bin}/hog`, '30', '400', '60')
  equal('--memory 80MB ends it', size.code, 123)
  check('and says so', size.output.includes('process.footprint'), size.output)
  equal('the kernel has killed nobody', kills(), 0)
  const share = await run('--memory', '50%', '--', `${bin}/hog`, '30', '400', '60')
  equal('--memory 50% ends it', share.code, 123)
  equal('the kernel has killed nobody', kills(), 0)
  const machine = await run('--limit', 'memory>90', '--', `${bin}/hog`, '30', '400', '60')
  equal('--limit memory>90 ends it', machine.code, 123)
  check('and says so', machine.output.includes('memory'), machine.output)
  equal('the kernel has killed nobody', kills(), 0)

  const narrow = group('narrow', { 'pids.max': 80 })
  const breed = await finish(['tripline', 'run', '--procs', '30', '--kill-after', '1s', '--', `${bin}/breed`, '60'], {
    group: narrow,
  })
  equal('--procs ends a command that breeds', breed.code, 123)
  equal('with all of it', read(`${narrow}/cgroup.procs`), '')
  const full = await finish(['tripline', 'run', '--timeout', '5s', '--kill-after', '1s', '--', `${bin}/breed`, '200'], {
    group: narrow,
  })
  equal('--timeout ends one that has filled pids.max', full.code, 124)
  check('it was full', table(`${narrow}/pids.events`).max > 0, table(`${narrow}/pids.events`))
  const rest = await finish(['pgrep', '-c', '-x', 'breed'])
  equal('nothing is left', rest.output.trim(), '0')
})
