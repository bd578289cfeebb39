// The scenarios of `npm run test:vm`. `machine` and `kernels` are names from scripts/vm/machines.js. `leaves` means that the
// guest cannot be used afterwards. `after` is a second program that runs after the power of the guest was cut and it has
// booted again, with the same spare disk.
const both = ['6.1', '6.12']
const arm = ['6.1-arm64', '6.12-arm64-16k']

export const scenarios = [
  {
    name: 'memory-max',
    what: 'memory.max, with headroom as in the group’s own files',
    machine: 'plain',
    kernels: both,
  },
  {
    name: 'memory-cache',
    what: 'clean and dirty page cache does not count as used',
    machine: 'plain',
    kernels: ['6.1'],
  },
  { name: 'memory-zero', what: 'memory.max 0', machine: 'plain', kernels: both },
  { name: 'memory-high', what: 'memory.high throttles but is not a limit', machine: 'plain', kernels: ['6.1'] },
  { name: 'memory-min', what: 'page cache that a sibling protects by memory.min', machine: 'plain', kernels: both },
  {
    name: 'memory-nested',
    what: 'the limit of an ancestor, and memory that a sibling uses',
    machine: 'plain',
    kernels: ['6.1'],
  },
  { name: 'memory-changes', what: 'changing limits, and processes that are moved', machine: 'plain', kernels: both },
  { name: 'namespace', what: 'a cgroup namespace without a remount', machine: 'plain', kernels: both },
  { name: 'namespace-remount', what: 'a cgroup namespace with its own mount', machine: 'plain', kernels: ['6.1'] },
  { name: 'memory-v1', what: 'control groups of version 1', machine: 'legacy', kernels: ['6.1'], leaves: true },
  { name: 'quota', what: 'a quota, throttling, and removal of the quota', machine: 'plain', kernels: ['6.1'] },
  { name: 'quota-raised', what: 'a raised quota: `cpu` never exceeds 100', machine: 'plain', kernels: ['6.1'] },
  { name: 'quota-burst', what: '`cpu.max.burst`: `cpu` never exceeds 100', machine: 'plain', kernels: both },
  { name: 'quota-parent', what: 'the quota of a parent; a cpuset', machine: 'plain', kernels: ['6.1'] },
  {
    name: 'pressure',
    what: 'pressure and the kernel’s triggers, as root and as a user',
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
  {
    name: 'enforce',
    what: '`--enforce`, and what is said of the kernel’s out-of-memory killer',
    machine: 'plain',
    kernels: both,
  },
  {
    name: 'enforce-systemd',
    what: '`--enforce` in units of systemd, delegated and not',
    machine: 'systemd',
    kernels: ['6.1'],
  },
  {
    name: 'standstill',
    what: 'time in which a process is stopped or frozen does not count into `for`',
    machine: 'plain',
    kernels: ['6.1'],
  },
  {
    name: 'power',
    what: 'battery, charger, zones, sensor and cooling device',
    machine: 'devices',
    kernels: ['6.12'],
    leaves: true,
  },
  { name: 'clock', what: 'steps of the wall clock', machine: 'devices', kernels: ['6.12'], leaves: true },
  { name: 'disk-full', what: 'a disk that fills up, turns read-only and back', machine: 'devices', kernels: ['6.12'] },
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
  {
    name: 'recorded',
    what: 'what recordings say of processes that the kernel kills in control groups',
    machine: 'plain',
    kernels: both,
  },
  {
    name: 'recorded-machine',
    what: 'what a recording says where the machine runs out of memory',
    machine: 'small',
    kernels: ['6.1'],
    leaves: true,
  },
  {
    name: 'recorded-systemd',
    what: '`ExecStopPost` explains the recording of a service that was killed for memory',
    machine: 'systemd',
    kernels: ['6.1'],
  },
  {
    name: 'power-cut',
    what: 'what recordings on a disk say after a power cut',
    machine: 'plain',
    kernels: ['6.1'],
    after: 'power-cut-after',
  },
  {
    name: 'reserve',
    what: 'reservations in groups: memory and CPUs of a group, a queue, a holder that is killed',
    machine: 'plain',
    kernels: ['6.1'],
  },
  { name: 'thrash-zram', what: 'compressed swap and thrashing', machine: 'small', kernels: ['6.12'], leaves: true },
  {
    name: 'systemd',
    what: 'scopes, slices and services, delegated or not',
    machine: 'systemd',
    kernels: ['6.1'],
    leaves: true,
  },
  {
    name: 'survival',
    what: 'memory runs short beside the kernel’s killer, earlyoom, systemd-oomd and a guard',
    machine: 'short',
    kernels: ['6.1'],
    leaves: true,
  },
  {
    name: 'watchdog',
    what: 'systemd’s watchdog and a watchdog device: fed, withheld, stopped',
    machine: 'systemd',
    kernels: ['6.1'],
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

/** The assertions of `first`, from the output on the console. */
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
