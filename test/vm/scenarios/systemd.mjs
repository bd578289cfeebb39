// Services, scopes and slices of systemd, of root and of a user's own manager: which limit counts, and where `run` may make
// a group.
import {
  MiB,
  Subject,
  bin,
  check,
  comes,
  endsInTime,
  equal,
  finish,
  headroom,
  killsIn,
  near,
  poll,
  read,
  scenario,
  shell,
} from '../guest/scenario.mjs'

const limit = 200 * MiB
const session = ['XDG_RUNTIME_DIR=/run/user/1000', 'DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus']
const joe = (...command) => [
  'setpriv',
  '--reuid',
  'joe',
  '--regid',
  'joe',
  '--init-groups',
  'env',
  'HOME=/home/joe',
  ...session,
  ...command,
]

/** The path of a process's group, including the mount point. */
const groupOf = (pid) => `/sys/fs/cgroup${read(`/proc/${pid}/cgroup`).slice(3)}`

/** Checks a subject in a group that has the limit itself or is below a group with the limit. */
async function holds(what, wrapper, of = (folder) => folder) {
  const subject = await Subject.start({}, { wrapper })
  const pid = await subject.run(() => process.pid)
  const folder = of(groupOf(pid))
  equal(`${what}: systemd has set the limit`, read(`${folder}/memory.max`), String(limit))
  await subject.run((t) => t.keep(50e6))
  const memory = await subject.value('memory')
  near(`${what}: memory is the share of the limit`, memory.value, 100 * (1 - headroom(folder) / limit), 6)
  await subject.guard('full', { memory: 90 })
  const breach = await endsInTime(subject, 'full', killsIn(folder), { rate: 60, what: `${what}: a command` })
  check(`${what}: the breach names that group`, breach?.origin.startsWith(`${folder}/memory.`), breach?.origin)
  await subject.end()
}

await scenario(async () => {
  check('systemd is process 1', read('/proc/1/comm') === 'systemd', read('/proc/1/comm'))
  await poll(async () => (await finish(['systemctl', 'is-active', '--quiet', 'user@1000'])).code === 0)

  await holds('a scope', ['systemd-run', '-q', '--scope', '-p', `MemoryMax=${limit}`])
  await holds('a user’s scope', joe('systemd-run', '-q', '--user', '--scope', '-p', `MemoryMax=${limit}`))
  await shell(
    `mkdir -p /run/systemd/system; printf '[Slice]\\nMemoryMax=${limit}\\n' >/run/systemd/system/narrow.slice; systemctl daemon-reload`,
  )
  await holds('a slice', ['systemd-run', '-q', '--scope', '--slice=narrow.slice'], (folder) =>
    folder.slice(0, folder.lastIndexOf('/')),
  )
  await holds('a service', ['systemd-run', '-q', '--wait', '--pipe', '-p', `MemoryMax=${limit}`])
  await holds('a service without other processes in /proc', [
    'systemd-run',
    '-q',
    '--wait',
    '--pipe',
    '-p',
    'ProtectProc=invisible',
    '-p',
    'ProcSubset=pid',
    '-p',
    'User=joe',
    '-p',
    `MemoryMax=${limit}`,
  ])

  // The manager changes the limit.
  const subject = await Subject.start(
    {},
    { wrapper: ['systemd-run', '-q', '--scope', '-u', 'changed', '-p', 'MemoryMax=400M'] },
  )
  await subject.run((t) => t.keep(90e6))
  await subject.guard('full', { memory: 70 })
  equal('a scope with room is clear', await subject.state('full'), 'clear')
  await shell('systemctl set-property --runtime changed.scope MemoryMax=120M')
  const breach = await subject.comes('set-property: the guard is breached', 'full', 'breach')
  check('the breach has the new share', breach?.value > 70, breach)
  await shell('systemctl set-property --runtime changed.scope MemoryMax=infinity')
  await subject.comes('the guard is clear without a limit', 'full', 'clear')
  await subject.end()

  // `run` makes a group of its own where one is delegated, and has the same result where it is not.
  const ways = [
    { what: 'a service', wrapper: ['systemd-run', '-q', '--wait', '--pipe'] },
    { what: 'a delegated service', wrapper: ['systemd-run', '-q', '--wait', '--pipe', '-p', 'Delegate=yes'] },
    { what: 'a user’s scope', wrapper: joe('systemd-run', '-q', '--user', '--scope') },
    { what: 'a user’s delegated scope', wrapper: joe('systemd-run', '-q', '--user', '--scope', '-p', 'Delegate=yes') },
  ]
  for (const { what, wrapper } of ways) {
    const ended = await finish([...wrapper, 'tripline', 'run', '--', 'sh', '-c', 'exit 7'])
    equal(`run in ${what}: the status is the command’s own`, ended.code, 7)
    const limited = await finish([
      ...wrapper,
      'tripline',
      'run',
      '--memory',
      '60MB',
      '--',
      `${bin}/hog`,
      '30',
      '200',
      '30',
    ])
    equal(`run in ${what}: a limit ends the command`, limited.code, 123)
  }
  const delegated = await finish([...ways[1].wrapper, 'tripline', 'run', '--', 'sh', '-c', 'cat /proc/self/cgroup'])
  check('run in a delegated service has a group of its own', /tripline/.test(delegated.output), delegated.output)
  const plain = await finish([...ways[0].wrapper, 'tripline', 'run', '--', 'sh', '-c', 'cat /proc/self/cgroup'])
  check('run in a plain service has none', !/tripline/.test(plain.output.split('/').at(-1)), plain.output)

  const confined = await finish([
    'systemd-run',
    '-q',
    '--wait',
    '--pipe',
    ...[
      'DynamicUser=yes',
      'ProtectSystem=strict',
      'ProtectControlGroups=yes',
      'ProtectKernelTunables=yes',
      'PrivateDevices=yes',
      'NoNewPrivileges=yes',
      'SystemCallFilter=@system-service',
      'SystemCallErrorNumber=EPERM',
      'RestrictNamespaces=yes',
      'LockPersonality=yes',
      `MemoryMax=${limit}`,
    ].flatMap((each) => ['-p', each]),
    'tripline',
    'watch',
    '--once',
    '--json',
    'memory',
    'memory.available',
    'cpu',
  ])
  check(
    'a confined service has its values',
    confined.code === 0 && confined.output.includes('memory.available'),
    confined.output,
  )
  await comes(
    'no group that run has made is left',
    async () => (await shell('find /sys/fs/cgroup -type d -name "tripline*"')) === '',
  )
})
