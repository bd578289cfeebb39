// The targets of `npm run test:fuzz`.
import { samplerSources } from '../../native/sources.js'

const parsers = samplerSources('linux').filter((file) => file.includes('/parse/'))
const RULES = ['limit', 'guard', 'grid', 'series', 'governor']

/** The programs in C++: their sources beside test/fuzz/NAME.cc, and their targets with the fixture folders that each reads. */
export const PROGRAMS = {
  linux_parsers: {
    sources: parsers,
    targets: {
      stat: ['stat'],
      meminfo: ['meminfo'],
      arcstats: ['arcstats'],
      cgroup: ['cgroup'],
      'cgroup-files': ['memory.stat', 'cpu.stat'],
      mountinfo: ['mountinfo'],
      pressure: ['pressure'],
      process: ['process', 'statm', 'status', 'limits', 'loadavg'],
      counters: ['block.stat', 'net.dev', 'vmstat', 'kstat', 'ppp'],
      sensor: ['sensor'],
    },
  },
  // Files that a probe takes apart by itself.
  linux_files: {
    sources: [
      ...samplerSources('linux').filter((file) => /^native\/(?:port|linux|posix|util)\//.test(file)),
      'test/native/fixture.cc',
    ],
    targets: {
      sockstat: [],
      tasks: ['loadavg'],
      children: [],
      ext4: [],
      'gpu-files': [],
      'memory-limit': [],
    },
  },
  // What processes say of themselves, and the conversions of other systems.
  systems: {
    sources: ['native/util/text.cc'],
    targets: {
      environ: [],
      procargs: [],
      'process-tree': [],
      'darwin-figures': [],
      'windows-figures': [],
      'windows-command': [],
    },
  },
  // The inputs of these are programs, which are compared with a model.
  rules: {
    sources: [...RULES.map((each) => `native/sampler/${each}.cc`), 'native/port/metrics.cc', 'native/port/probe.cc'],
    targets: Object.fromEntries(RULES.map((each) => [each, []])),
  },
}

/** The targets in test/fuzz/inputs. */
export const SCRIPTED = [
  'expression',
  'words',
  'environment',
  'recording',
  'recording-sealed',
  'trace',
  'claims',
  'reasons',
  'kernel',
  'http-dashboard',
  'http-protect',
  'scrape',
  'mqtt',
  'node-red-rows',
  'node-red-run',
]
