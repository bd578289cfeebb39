// The scenarios of `npm run test:vm`. `machine` and `kernels` are names of scripts/vm/machines.js; `limit` bounds how long one may
// take; `leaves` says that the guest is of no use afterwards.
const both = ['6.1', '6.12']
const arm = ['6.1-arm64', '6.12-arm64-16k']

export const scenarios = [
  { name: 'memory-max', what: 'memory.max, headroom by the group’s own files', machine: 'plain', kernels: both },
  {
    name: 'memory-cache',
    what: 'page cache, clean and dirty, is no use of memory',
    machine: 'plain',
    kernels: ['6.1'],
  },
  { name: 'memory-zero', what: 'memory.max 0', machine: 'plain', kernels: both },
  { name: 'memory-high', what: 'memory.high throttles and is no limit', machine: 'plain', kernels: ['6.1'] },
  { name: 'memory-min', what: 'what a sibling holds under memory.min', machine: 'plain', kernels: both },
  { name: 'memory-nested', what: 'the limit of an ancestor, what a sibling uses', machine: 'plain', kernels: ['6.1'] },
  { name: 'memory-changes', what: 'limits that change, processes that are moved', machine: 'plain', kernels: both },
  { name: 'namespace', what: 'a cgroup namespace without a remount', machine: 'plain', kernels: both },
  { name: 'namespace-remount', what: 'a cgroup namespace with its own mount', machine: 'plain', kernels: ['6.1'] },
  { name: 'memory-v1', what: 'control groups of version 1', machine: 'legacy', kernels: ['6.1'], leaves: true },
  { name: 'quota', what: 'a quota, throttling, a quota that is taken away', machine: 'plain', kernels: ['6.1'] },
  { name: 'quota-raised', what: 'a quota that is raised: `cpu` never passes 100', machine: 'plain', kernels: ['6.1'] },
  { name: 'quota-burst', what: '`cpu.max.burst`: `cpu` never passes 100', machine: 'plain', kernels: both },
  { name: 'quota-parent', what: 'the quota of a parent; a cpuset', machine: 'plain', kernels: ['6.1'] },
  {
    name: 'pressure',
    what: 'pressure and what the kernel pushes, as root and as a user',
    machine: 'plain',
    kernels: both,
  },
  { name: 'psi-off', what: 'a kernel with `psi=0`', machine: 'no-psi', kernels: ['6.12'] },
  { name: 'hotplug-cpu', what: 'CPUs switched off and on', machine: 'plain', kernels: ['6.12'] },
  { name: 'leaderless', what: 'a process whose main thread has ended', machine: 'plain', kernels: ['6.12'] },
  {
    name: 'run-tight',
    what: '`tripline run` in groups hardly larger than its limit',
    machine: 'plain',
    kernels: ['6.1'],
  },
  { name: 'standstill', what: 'stopped and frozen processes: no time of `for`', machine: 'plain', kernels: ['6.1'] },
  {
    name: 'power',
    what: 'battery, charger, zones, sensor and cooling device',
    machine: 'devices',
    kernels: ['6.12'],
    leaves: true,
  },
  { name: 'clock', what: 'steps of the wall clock', machine: 'devices', kernels: ['6.12'], leaves: true },
  { name: 'disk-full', what: 'a disk that fills up, read-only and back', machine: 'devices', kernels: ['6.12'] },
  { name: 'disk-error', what: 'ext4 with errors', machine: 'devices', kernels: both },
  { name: 'disk-plug', what: 'a disk plugged in and pulled', machine: 'devices', kernels: ['6.12'], leaves: true },
  { name: 'nic-plug', what: 'a network card plugged in and pulled', machine: 'devices', kernels: ['6.12'] },
  { name: 'fuse-hang', what: 'a FUSE file system that hangs', machine: 'devices', kernels: ['6.12'], leaves: true },
  {
    name: 'nfs-hang',
    what: 'an NFS server that goes away and comes back',
    machine: 'devices',
    kernels: ['6.12'],
    leaves: true,
  },
  { name: 'machine-oom', what: 'the machine runs out of memory', machine: 'small', kernels: ['6.1'], leaves: true },
  { name: 'thrash-zram', what: 'compressed swap, thrash', machine: 'small', kernels: ['6.12'], leaves: true },
  {
    name: 'systemd',
    what: 'scopes, slices and services, delegated or not',
    machine: 'systemd',
    kernels: ['6.1'],
    leaves: true,
  },
  {
    name: 'first',
    what: '`tripline run` as process 1',
    machine: 'first',
    kernels: ['6.1'],
    judge: judgeFirst,
  },
  { name: 'arm64', what: 'limits, pages and CPUs on arm64', machine: 'plain', kernels: arm },
]

/** The asserts of `first`, from what the console shows. */
function* judgeFirst(console) {
  const said = console.split(/\r?\n/).filter((line) => line.startsWith('first: '))
  const wanted = [
    /^first: process 1 is .*tripline/,
    /^first: the command has the parent \d+, which is tripline/,
    /^first: zombies 0$/,
    /^first: a limit on memory gives 123$/,
    /^first: a timeout gives 124$/,
    /^first: memory is 1$/,
    /^first: left over 0 0$/,
    /^first: end$/,
  ]
  for (const [index, line] of wanted.entries())
    yield { what: String(line), holds: line.test(said[index] ?? ''), seen: said[index] ?? 'nothing' }
}
