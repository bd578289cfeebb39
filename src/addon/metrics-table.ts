/** The rows of `native/port/metrics.def`, written by scripts/generate-metrics.js: not to be edited by hand. */

/** Every metric. docs/metrics.md lists them, and `capabilities()` says which of them this machine has. */
export type MetricName =
  | 'cpu'
  | 'cpu.host'
  | 'cpu.core'
  | 'cpu.steal'
  | 'cpu.iowait'
  | 'cpu.throttled'
  | 'load'
  | 'memory'
  | 'memory.available'
  | 'memory.host'
  | 'swap'
  | 'swap.rate'
  | 'memory.oomKills'
  | 'memory.processes'
  | 'pids'
  | 'pressure.cpu'
  | 'pressure.memory'
  | 'pressure.io'
  | 'pressure.cpu.full'
  | 'pressure.memory.full'
  | 'pressure.io.full'
  | 'disk'
  | 'disk.free'
  | 'disk.inodes'
  | 'disk.read'
  | 'disk.write'
  | 'disk.operations'
  | 'disk.latency'
  | 'disk.busy'
  | 'network.rx'
  | 'network.tx'
  | 'network.errors'
  | 'network.drops'
  | 'sockets'
  | 'temperature'
  | 'throttled'
  | 'undervoltage'
  | 'gpu'
  | 'gpu.memory.available'
  | 'gpu.temperature'
  | 'battery'
  | 'power.online'
  | 'process.cpu'
  | 'process.rss'
  | 'process.footprint'
  | 'process.threads'
  | 'process.fds'
  | 'process.count'
  | 'process.cpuTime'
  | 'process.read'
  | 'process.write'
  | 'eventLoop.delay'
  | 'eventLoop.utilization'
  | 'heap'
  | 'heap.used'

/** The metrics that take a selector, which stands in brackets in their text. */
export type SelectableMetric =
  | 'pressure.cpu'
  | 'pressure.memory'
  | 'pressure.io'
  | 'pressure.cpu.full'
  | 'pressure.memory.full'
  | 'pressure.io.full'
  | 'disk'
  | 'disk.free'
  | 'disk.inodes'
  | 'disk.read'
  | 'disk.write'
  | 'disk.operations'
  | 'disk.latency'
  | 'disk.busy'
  | 'network.rx'
  | 'network.tx'
  | 'network.errors'
  | 'network.drops'
  | 'temperature'
  | 'gpu'
  | 'gpu.memory.available'
  | 'gpu.temperature'
  | 'process.cpu'
  | 'process.rss'
  | 'process.footprint'
  | 'process.threads'
  | 'process.fds'
  | 'process.count'
  | 'process.cpuTime'
  | 'process.read'
  | 'process.write'

/** The unit of a metric's values; a flag is 0 or 1, and `per CPU` is a load average over the number of CPUs. */
export type MetricUnit = '%' | 'per CPU' | 'bytes' | 'bytes/s' | 'count' | 'per s' | 'ms' | '°C' | 'flag'

/** What distinguishes the series of one metric. */
export type MetricScope =
  | 'machine'
  | 'guard'
  | 'group'
  | 'path'
  | 'interface'
  | 'zone'
  | 'gpu'
  | 'process'
  | 'environment'

export type MetricRow = readonly [
  unit: MetricUnit,
  kind: 'level' | 'ratio' | 'rate',
  worse: 'above' | 'below',
  minPeriod: number,
  window: number,
  dwell: number,
  scope: MetricScope,
]

export const ROWS: Readonly<Record<MetricName, MetricRow>> = {
  /** The larger of: busy share of the CPUs that this process may use, and its cgroup's use of its quota. */
  cpu: ['%', 'ratio', 'above', 100, 500, 1000, 'machine'],
  /** Busy share of the whole machine. */
  'cpu.host': ['%', 'ratio', 'above', 100, 500, 1000, 'machine'],
  /** Busy share of the busiest CPU of those that this process may use, over half a second. */
  'cpu.core': ['%', 'level', 'above', 100, 500, 1000, 'machine'],
  /** Share of time that the hypervisor gave to other virtual machines. */
  'cpu.steal': ['%', 'ratio', 'above', 100, 500, 1000, 'machine'],
  /** Share of time in which CPUs were idle because of I/O. */
  'cpu.iowait': ['%', 'ratio', 'above', 100, 500, 1000, 'machine'],
  /** Share of time in which this process's cgroup was held back by its quota. */
  'cpu.throttled': ['%', 'ratio', 'above', 100, 500, 1000, 'machine'],
  /** 1-minute load average over usable CPUs. */
  load: ['per CPU', 'level', 'above', 5000, 0, 1000, 'machine'],
  /** 100 x (1 - `memory.available` / the tightest limit). */
  memory: ['%', 'level', 'above', 1, 0, 0, 'machine'],
  /** Least headroom of the host and of every cgroup up the chain; page cache counts as available. */
  'memory.available': ['bytes', 'level', 'below', 1, 0, 0, 'machine'],
  /** 100 x (1 - available / total) of the whole machine. */
  'memory.host': ['%', 'level', 'above', 10, 0, 0, 'machine'],
  /** Used share of the machine's swap, or of what this process's cgroups may use, whichever is fuller. */
  swap: ['%', 'level', 'above', 10, 0, 0, 'machine'],
  /** Pages swapped in and out. Swap in use is harmless; traffic hurts. */
  'swap.rate': ['bytes/s', 'rate', 'above', 250, 1000, 1000, 'machine'],
  /** Processes in this process's cgroup that the OOM killer has killed since the guard was made. */
  'memory.oomKills': ['count', 'level', 'above', 250, 0, 0, 'guard'],
  /** Processes in this process's memory cgroup, itself included. */
  'memory.processes': ['count', 'level', 'above', 1000, 0, 0, 'guard'],
  /** Tasks in this process's cgroup, or in the tightest one up the chain, as a share of its limit. */
  pids: ['%', 'level', 'above', 100, 0, 0, 'machine'],
  /** PSI: share of time in which some task waited for a CPU. Never read more than once per second. */
  'pressure.cpu': ['%', 'ratio', 'above', 1000, 1000, 1000, 'group'],
  /** PSI: share of time in which some task waited for memory. */
  'pressure.memory': ['%', 'ratio', 'above', 1000, 1000, 1000, 'group'],
  /** PSI: share of time in which some task waited for I/O. */
  'pressure.io': ['%', 'ratio', 'above', 1000, 1000, 1000, 'group'],
  /** PSI: share of time in which every task waited for a CPU; always 0 for the machine as a whole. */
  'pressure.cpu.full': ['%', 'ratio', 'above', 1000, 1000, 1000, 'group'],
  /** PSI: share of time in which every task waited for memory. */
  'pressure.memory.full': ['%', 'ratio', 'above', 1000, 1000, 1000, 'group'],
  /** PSI: share of time in which every task waited for I/O. */
  'pressure.io.full': ['%', 'ratio', 'above', 1000, 1000, 1000, 'group'],
  /** Used share of a file system, as `df` counts it. */
  disk: ['%', 'level', 'above', 250, 0, 0, 'path'],
  /** What an unprivileged user may still write to a file system. */
  'disk.free': ['bytes', 'level', 'below', 250, 0, 0, 'path'],
  /** Used share of a file system's inodes. */
  'disk.inodes': ['%', 'level', 'above', 250, 0, 0, 'path'],
  /** Bytes read from the device that a path is on. */
  'disk.read': ['bytes/s', 'rate', 'above', 100, 500, 1000, 'path'],
  /** Bytes written to the device that a path is on. */
  'disk.write': ['bytes/s', 'rate', 'above', 100, 500, 1000, 'path'],
  /** Reads from and writes to the device that a path is on. */
  'disk.operations': ['per s', 'rate', 'above', 100, 500, 1000, 'path'],
  /** How long a read or write takes on the device that a path is on, including the time in its queue. */
  'disk.latency': ['ms', 'rate', 'above', 100, 500, 1000, 'path'],
  /** Share of time in which the device that a path is on had work. */
  'disk.busy': ['%', 'ratio', 'above', 100, 500, 1000, 'path'],
  /** Bytes received over all interfaces but loopback and virtual ones. */
  'network.rx': ['bytes/s', 'rate', 'above', 100, 500, 1000, 'interface'],
  /** Bytes sent over all interfaces but loopback and virtual ones. */
  'network.tx': ['bytes/s', 'rate', 'above', 100, 500, 1000, 'interface'],
  /** Packets that were received damaged or could not be sent. */
  'network.errors': ['per s', 'rate', 'above', 100, 500, 1000, 'interface'],
  /** Packets that were dropped because a buffer was full. */
  'network.drops': ['per s', 'rate', 'above', 100, 500, 1000, 'interface'],
  /** TCP sockets in use. */
  sockets: ['count', 'level', 'above', 100, 0, 0, 'machine'],
  /** The hottest plausible sensor of the CPU or its chip, or one zone by its type. */
  temperature: ['°C', 'level', 'above', 1000, 0, 0, 'zone'],
  /** 1 while firmware or thermal protection slows the machine down. */
  throttled: ['flag', 'level', 'above', 1000, 0, 0, 'machine'],
  /** 1 while the power supply of a Raspberry Pi is too weak. */
  undervoltage: ['flag', 'level', 'above', 1000, 0, 0, 'machine'],
  /** Share of time in which the busiest GPU, or the named one, had work. */
  gpu: ['%', 'level', 'above', 1000, 0, 1000, 'gpu'],
  /** Free memory of the GPU with the least, or of the named one. */
  'gpu.memory.available': ['bytes', 'level', 'below', 1000, 0, 0, 'gpu'],
  /** Temperature of the hottest GPU, or of the named one. */
  'gpu.temperature': ['°C', 'level', 'above', 1000, 0, 0, 'gpu'],
  /** Charge of the batteries that run the machine. */
  battery: ['%', 'level', 'below', 5000, 0, 0, 'machine'],
  /** 1 while on mains power, and on a machine without a battery. */
  'power.online': ['flag', 'level', 'below', 1000, 0, 0, 'machine'],
  /** CPU time of a process, in percent of one CPU. */
  'process.cpu': ['%', 'ratio', 'above', 1, 250, 1000, 'process'],
  /** Resident memory of a process. */
  'process.rss': ['bytes', 'level', 'above', 1, 0, 0, 'process'],
  /** Memory charged to the process alone, including what was swapped out. */
  'process.footprint': ['bytes', 'level', 'above', 10, 0, 0, 'process'],
  /** Threads of a process. */
  'process.threads': ['count', 'level', 'above', 10, 0, 0, 'process'],
  /** Open descriptors as a share of their limit. */
  'process.fds': ['%', 'level', 'above', 250, 0, 0, 'process'],
  /** Number of processes: 1, or with `tree` those in the tree. */
  'process.count': ['count', 'level', 'above', 10, 0, 0, 'process'],
  /** CPU time that a process has used since it began; with `tree`, that of the whole tree. */
  'process.cpuTime': ['ms', 'level', 'above', 10, 0, 0, 'process'],
  /** Bytes that a process reads from storage. */
  'process.read': ['bytes/s', 'rate', 'above', 100, 500, 1000, 'process'],
  /** Bytes that a process writes to storage. */
  'process.write': ['bytes/s', 'rate', 'above', 100, 500, 1000, 'process'],
  /** How long the event loop takes to start something new. Measured from outside, so it grows while the loop is blocked. */
  'eventLoop.delay': ['ms', 'level', 'above', 10, 0, 0, 'environment'],
  /** Share of the window in which the event loop was busy; a loop that does not answer counts as busy. */
  'eventLoop.utilization': ['%', 'ratio', 'above', 100, 1000, 1000, 'environment'],
  /** V8 heap in use, as a share of its limit. */
  heap: ['%', 'level', 'above', 100, 0, 0, 'environment'],
  /** V8 heap in use, in bytes. */
  'heap.used': ['bytes', 'level', 'above', 100, 0, 0, 'environment'],
}
