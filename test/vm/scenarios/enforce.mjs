// `tripline run --enforce`, where the kernel holds the limits too, and what is said where its out-of-memory killer acts.
import { existsSync, readFileSync } from 'node:fs'
import { MiB, bin, check, equal, finish, group, read, scenario, table, underLimits } from '../guest/scenario.mjs'

/** Runs tripline with a report, and returns its status, output and report. */
async function reported(options, command, place) {
  const file = `/tmp/report-${Math.random().toString(36).slice(2)}`
  const words = ['tripline', 'run', ...options.split(' '), '--report', file, '--', ...command]
  const end = await finish(words, place)
  return { ...end, report: existsSync(file) ? JSON.parse(readFileSync(file, 'utf8') || '{}') : {} }
}

const hog = (rate, size) => [`${bin}/hog`, String(rate), String(size), '20']

await scenario(async () => {
  const own = group('own')
  const slow = await reported('-v --enforce --memory 80MB --procs 20 --cpu 300', hog(30, 400), { group: own })
  equal('a limit that is crossed slowly ends the command', slow.code, 123)
  check('the message names process.footprint', slow.output.includes('process.footprint'), slow.output)
  check('-v says what the kernel holds', /memory\.max .*pids\.max .*cpu\.max/.test(slow.output), slow.output)
  equal(
    'the report has memory.max: the limit, and 64 MiB of slack',
    slow.report.enforced?.memory,
    Math.ceil((80e6 + 64 * MiB) / 4096) * 4096,
  )
  equal(
    'the controllers are enabled',
    ['cpu', 'memory', 'pids'].every((each) => read(`${own}/cgroup.subtree_control`).includes(each)),
    true,
  )
  check('no group is left', !existsSync(slow.report.enforced?.group ?? '/'), slow.report.enforced)

  // Files in tmpfs are no process's memory: only the kernel sees them.
  const unseen = ['sh', '-c', 'dd if=/dev/zero of=/dev/shm/big bs=1M count=250; sleep 20']
  const kernel = await reported('--enforce --memory 80MB', unseen, { group: group('unseen') })
  equal('a limit that only the kernel sees ends the command', kernel.code, 123)
  equal('the reason is the limit', kernel.report.reason?.kind, 'limit')
  equal('its evidence is in the group', kernel.report.reason?.origin?.endsWith('memory.events'), true)
  equal('the kill is proved by the group', kernel.report.oom?.proof, 'group')
  check('the message says so', kernel.output.includes('out-of-memory killer'), kernel.output)
  await finish(['rm', '-f', '/dev/shm/big'])

  const bomb = await underLimits('--enforce --procs 2 --kill-after 1s', `${bin}/breed 150`, { group: group('bomb') })
  equal('--procs ends a command that forks many processes', bomb.code, 123)

  // The shell and all three are moved by whichever is first.
  const one = `tripline run --enforce --memory 80MB -- ${hog(30, 400).join(' ')}; echo status $?`
  const several = await finish(['sh', '-c', `(${one}) & (${one}) & (${one}) & wait`], { group: group('busy') })
  equal('several at once in one group are all enforced', several.output.match(/status 123/g)?.length, 3)

  // Without --enforce: the group's own limit.
  const tight = group('tight', { 'memory.max': 120 * MiB })
  const named = await reported('--timeout 60s', hog(0, 400), { group: tight })
  equal('a command that the kernel ends has its status', named.code, 137)
  equal('the reason is the killer', named.report.reason?.kind, 'oom')
  equal('the log names the command', `${named.report.oom?.certainty} ${named.report.oom?.proof}`, 'proved log')
  check('the line says so', named.output.includes('out-of-memory killer ended it'), named.output)
  await finish(['sysctl', '-q', 'kernel.dmesg_restrict=1'])
  const silent = await reported('--timeout 60s', hog(0, 400), { group: tight, user: 'joe' })
  equal(
    'without the log it is likely',
    `${silent.report.oom?.certainty} ${silent.report.oom?.proof}`,
    'likely shared-group',
  )
  check('the line says likely', silent.output.includes('likely'), silent.output)
  const part = await reported('--timeout 60s', ['sh', '-c', `${hog(0, 400).join(' ')}; exit 3`], {
    group: tight,
    user: 'joe',
  })
  equal('a command of which a part was ended has its own status', part.code, 3)
  equal('the part is likely, too', `${part.report.reason?.kind} ${part.report.oom?.whole}`, 'oom false')
  const well = await reported('--timeout 60s', ['sleep', '0.1'], { group: tight })
  equal('nothing is said where nothing was ended', `${well.code} ${well.report.oom}`, '0 undefined')

  // memory.oom.group of a group takes everything in it.
  const all = group('all', { 'memory.max': 160 * MiB, 'memory.oom.group': 1 })
  const taken = await finish(['sh', '-c', `tripline run -- ${hog(0, 400).join(' ')}; echo survived`], { group: all })
  equal(
    'memory.oom.group takes tripline and its shell, too',
    `${taken.signal} ${taken.output.includes('survived')}`,
    'SIGKILL false',
  )
  await finish(['sleep', '0.2'])
  const spared = await reported('--enforce --memory 30MB', hog(0, 400), { group: all })
  equal('--enforce below it spares tripline', spared.code, 123)
  check(
    'the group itself was not exceeded',
    table(`${all}/memory.events.local`).oom === 1,
    table(`${all}/memory.events.local`),
  )

  // Where it cannot be done.
  const refused = await reported('--enforce --memory 80MB', ['true'], { group: group('refused'), user: 'joe' })
  equal('a user without write access is refused', refused.code, 125)
  check('the message names the file', refused.output.includes('cannot be written'), refused.output)
  equal('the command has not run', refused.report.reason?.kind, 'not-started')
  const none = await underLimits('--enforce --timeout 5s', 'true', { group: group('none') })
  equal('--enforce without a limit that the kernel can hold is refused', none.code, 125)
})
