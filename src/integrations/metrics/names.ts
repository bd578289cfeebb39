/** How each metric is called outside, in which base unit, and what it means in one sentence. */
import type { MetricInfo, MetricName, MetricUnit } from '../../addon/metrics.js'

/** A base unit: a name for Prometheus, which is the end of the metric's, and a code of UCUM for OpenTelemetry. */
export interface BaseUnit {
  readonly suffix: string
  readonly code: string
  /** What a value in the metric's own unit is divided by. */
  readonly divisor: number
}

const unit = (suffix: string, code: string, divisor = 1): BaseUnit => ({ suffix, code, divisor })

/** A count of something, a state, or a flag. */
export const PLAIN: BaseUnit = unit('', '1')
export const SECONDS: BaseUnit = unit('_seconds', 's', 1000)

const UNITS: Readonly<Record<MetricUnit, BaseUnit>> = {
  '%': unit('_ratio', '1', 100),
  'per CPU': unit('_per_cpu', '1'),
  bytes: unit('_bytes', 'By'),
  'bytes/s': unit('_bytes_per_second', 'By/s'),
  count: PLAIN,
  'per s': unit('_per_second', '1/s'),
  ms: SECONDS,
  '°C': unit('_celsius', 'Cel'),
  flag: PLAIN,
}

export const unitOf = (info: MetricInfo): BaseUnit => UNITS[info.unit]

/** Metrics that only grow. */
export const COUNTERS: ReadonlySet<MetricName> = new Set<MetricName>(['memory.oomKills', 'process.cpuTime'])

/** `event_loop.delay` for `eventLoop.delay`. */
export function dotted(name: MetricName): string {
  // In Prometheus, `_count` is the end of a part of a histogram.
  if (name === 'process.count') return 'processes'
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** A name of OpenTelemetry's semantic conventions. */
export interface Convention {
  readonly name: string
  readonly kind: 'gauge' | 'upDownCounter'
  readonly code: string
}

/**
 * Where the conventions mean the same: as a metric of this process, without a selector. Others are near, and are not used:
 * `process.cpu.utilization` is a share of all CPUs, `process.cpu.time` is split by mode, and `v8js.memory.heap.used` by heap space.
 */
export const CONVENTIONS: Readonly<Partial<Record<MetricName, Convention>>> = {
  'process.rss': { name: 'process.memory.usage', kind: 'upDownCounter', code: 'By' },
  'process.threads': { name: 'process.thread.count', kind: 'upDownCounter', code: '{thread}' },
  'eventLoop.utilization': { name: 'nodejs.eventloop.utilization', kind: 'gauge', code: '1' },
}

/** What is exported unless the options say otherwise. A machine that lacks some of it exports the rest. */
export const DEFAULT_METRICS: readonly MetricName[] = [
  'cpu',
  'load',
  'memory',
  'memory.available',
  'swap',
  'pressure.cpu',
  'pressure.memory',
  'pressure.io',
  'disk',
  'disk.free',
  'network.rx',
  'network.tx',
  'temperature',
  'throttled',
  'process.cpu',
  'process.cpuTime',
  'process.rss',
  'process.threads',
  'process.fds',
  'eventLoop.delay',
  'eventLoop.utilization',
  'heap',
  'heap.used',
]

export const HELP: Readonly<Record<MetricName, string>> = {
  cpu: 'CPU time in use, as a share of what affinity and quota allow.',
  'cpu.host': 'CPU time in use on the whole machine.',
  'cpu.core': 'CPU time in use on the busiest core.',
  'cpu.steal': 'CPU time that the hypervisor has given to others.',
  'cpu.iowait': 'Time in which a CPU had nothing to do but wait for I/O.',
  'cpu.throttled': 'Time in which the quota held the control group back.',
  load: 'Load average of one minute over usable CPUs.',
  memory: 'Memory that is not available, as a share of the tightest limit.',
  'memory.available': 'Memory that is available before the tightest limit is reached.',
  'memory.host': 'Memory in use on the whole machine.',
  swap: 'Swap in use.',
  'swap.rate': 'Pages swapped in and out.',
  'memory.oomKills': 'Processes of this control group that the OOM killer has killed since the export began.',
  'memory.processes': 'Processes in this memory control group.',
  pids: 'Tasks, as a share of the tightest limit.',
  'pressure.cpu': 'Time in which some task waited for a CPU.',
  'pressure.memory': 'Time in which some task waited for memory.',
  'pressure.io': 'Time in which some task waited for I/O.',
  'pressure.cpu.full': 'Time in which every task waited for a CPU.',
  'pressure.memory.full': 'Time in which every task waited for memory.',
  'pressure.io.full': 'Time in which every task waited for I/O.',
  disk: 'File system in use.',
  'disk.free': 'What may still be written to the file system without privileges.',
  'disk.inodes': 'Inodes of the file system in use.',
  'disk.read': 'Bytes read from the device.',
  'disk.write': 'Bytes written to the device.',
  'disk.operations': 'Reads from and writes to the device.',
  'disk.latency': 'Mean time of a read or write on the device, with its wait.',
  'disk.busy': 'Time in which the device had work.',
  'network.rx': 'Bytes received.',
  'network.tx': 'Bytes sent.',
  'network.errors': 'Packets that were received damaged or could not be sent.',
  'network.drops': 'Packets that were dropped because a buffer was full.',
  sockets: 'TCP sockets in use.',
  temperature: 'Temperature of the hottest sensor of the CPU or its chip, or of the named one.',
  throttled: '1 while firmware or thermal protection slows the machine down.',
  undervoltage: '1 while the power supply is too weak.',
  gpu: 'Time in which the busiest GPU, or the named one, had work.',
  'gpu.memory.available': 'Free memory of the GPU with the least, or of the named one.',
  'gpu.temperature': 'Temperature of the hottest GPU, or of the named one.',
  battery: 'Charge of the batteries.',
  'power.online': '1 while on mains power.',
  'process.cpu': 'CPU time in use, as a share of one CPU.',
  'process.rss': 'Resident memory.',
  'process.footprint': 'Memory charged to the process alone, with what was swapped out.',
  'process.threads': 'Threads.',
  'process.fds': 'Open descriptors, as a share of their limit.',
  'process.count': 'Processes.',
  'process.cpuTime': 'CPU time used since the process began.',
  'process.read': 'Bytes read from storage.',
  'process.write': 'Bytes written to storage.',
  'eventLoop.delay': 'How long the event loop takes to start something new.',
  'eventLoop.utilization': 'Time in which the event loop was busy.',
  heap: 'V8 heap in use, as a share of its limit.',
  'heap.used': 'V8 heap in use.',
}
