// The nets of `npm run test:all`, in the order in which they run: what each is for, what it needs, and what its figures mean.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'

const runs = (program) => () => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0

/** Whether a compiler has a library: it then prints more than the name. */
const hasLibrary = (compilers, library) => () =>
  compilers.some((compiler) => {
    const { stdout } = spawnSync(compiler, [`-print-file-name=${library}`], { encoding: 'utf8' })
    return stdout !== null && path.isAbsolute(stdout.trim()) && existsSync(stdout.trim())
  })

const clang = ['clang++-19', 'clang++']
const architecture = { x64: 'x86_64', arm64: 'aarch64' }[process.arch] ?? process.arch

/** What nets need that npm does not install: Debian's package, and whether it is there. */
const NEEDS = {
  make: runs('make'),
  'g++': runs('g++'),
  'python3-psutil': () => spawnSync('/usr/bin/python3', ['-c', 'import psutil']).status === 0,
  'clang-19': () => clang.some((each) => runs(each)()),
  'libclang-rt-19-dev': hasLibrary(clang, `libclang_rt.fuzzer-${architecture}.a`),
  'libgcc-12-dev': hasLibrary([process.env.CC ?? 'gcc'], 'libtsan.so'),
  'redis-server': runs('redis-server'),
  mosquitto: runs('mosquitto'),
  prometheus: runs('promtool'),
  chromium: runs('chromium'),
  'stress-ng': runs('stress-ng'),
  'util-linux': runs('chrt'),
}

const BUILD = ['make', 'g++', 'python3-psutil']

/**
 * `title` and `purpose` are on the page. `command` runs the net, which writes its figures under `name`; `bound` is the number of
 * minutes after which it is ended, several times as many as it takes. `cases executions operations tried killed faults` sum up
 * the counts whose names match.
 */
export const NETS = [
  {
    name: 'everyday',
    title: 'Everyday tests',
    purpose:
      'Types, lint, format, the packed package, and all quick tests of the library and of the command, on the built package and with real processes. They run before every commit.',
    command: 'npm test',
    bound: 20,
    needs: BUILD,
    cases: /^tests passed$/,
  },
  {
    name: 'slow',
    title: 'Slow tests',
    purpose:
      'Tests of the same kind that take longer than two seconds each: commands and their trees, terminals, release binaries, programs of the manual, reservations among processes.',
    command: 'npm run test:slow',
    bound: 40,
    needs: BUILD,
    cases: /^tests passed$/,
  },
  {
    name: 'native',
    title: 'Native unit tests',
    purpose:
      'The sampler, the rules of limits, the parsers and the start of commands, without Node; the sampler also over a scripted clock, and the code for commands on macOS over a stand-in for its calls. Built with clang here, which checks the locks too.',
    command: 'node scripts/test-native.js',
    env: { CXX: clang.find((each) => runs(each)()) ?? 'c++' },
    bound: 20,
    needs: [...BUILD, 'clang-19'],
    cases: /^tests passed$/,
  },
  {
    name: 'integrations',
    title: 'Integrations',
    purpose:
      'Every integration with the real thing: Express, Fastify, BullMQ on Redis, MQTT on Mosquitto, Prometheus, OpenTelemetry, Node-RED, and a browser for the page.',
    command: 'npm run test:integrations',
    bound: 30,
    needs: [...BUILD, 'redis-server', 'mosquitto', 'prometheus', 'chromium'],
    cases: /^tests passed$/,
  },
  {
    name: 'stand-in',
    title: 'Commands as on macOS',
    purpose: 'The tests of `run` and of the command once more, with the code for macOS over a stand-in for its calls.',
    command: 'npm run test:stand-in',
    bound: 20,
    needs: BUILD,
    cases: /^tests passed$/,
  },
  {
    name: 'model',
    title: 'Models',
    purpose:
      'Random programs of guards, tickers, operations and scopes run against models that are slow and obvious. Any difference is a failure, which is shrunk to the shortest program.',
    command: 'npm run test:model -- --minutes 3',
    bound: 20,
    needs: [],
    executions: /^programs$/,
    operations: /^steps$/,
  },
  {
    name: 'mutants',
    title: 'Mutants',
    purpose:
      'Tests the tests: small deliberate errors in the core, one at a time. An error that no test notices is a survivor. At least 90 % have to be noticed.',
    command: 'npm run test:mutants -- --minutes 12',
    bound: 40,
    needs: BUILD,
    tried: /^tried$/,
    killed: /^killed$/,
  },
  {
    name: 'known-mutants',
    title: 'Known mutants',
    purpose:
      'Proves the tests: errors that were really made, or nearly, in scripts/mutants/known.json. Every one has to be noticed.',
    command: 'npm run test:mutants -- --known --minutes 30',
    bound: 45,
    needs: BUILD,
    tried: /^tried$/,
    killed: /^killed$/,
  },
  {
    name: 'sanitizers',
    title: 'Sanitizers',
    purpose:
      'The native unit tests, and programs that use all native objects in Node, under the sanitizers for addresses, leaks, undefined behavior and races. Leaks of the runtime itself are not counted; scripts/test-sanitize.js names the unit tests that are left out, with the reasons.',
    command: 'npm run test:sanitize',
    bound: 40,
    needs: [...BUILD, 'libgcc-12-dev'],
    cases: /unit tests$/,
    executions: /steps$/,
  },
  {
    name: 'sanitizers-proved',
    title: 'Proof of the sanitizers',
    purpose:
      'Proves the net above: deliberate bugs of each kind, in the unit tests and in each program, are built one after the other. Every one has to be reported.',
    command: 'npm run test:sanitize -- --prove',
    bound: 45,
    needs: [...BUILD, 'libgcc-12-dev'],
    executions: /^bugs caught$/,
  },
  {
    name: 'soak',
    title: 'Soak',
    purpose:
      'The same work in many rounds: operations, guards, streams, recordings, commands, workers. After each round, memory, descriptors, threads and processes have to be as before. It notices 16 bytes per operation.',
    command: 'npm run test:soak',
    bound: 30,
    needs: [],
    operations: /./,
  },
  {
    name: 'soak-proved',
    title: 'Proof of the soak',
    purpose:
      'Proves the net above: operations and guards that lose just as much memory as it has to notice, on the heap and outside of it.',
    command: 'npm run test:soak -- --prove',
    bound: 20,
    needs: [],
    executions: /^leaks noticed$/,
  },
  {
    name: 'load',
    title: 'Load',
    purpose:
      'A web server with 1,000 guarded requests in flight, while stress-ng takes the processors, the memory and the disk; then starved of processor time, and in a control group that thrashes. Every request ends exactly once, with the right reason.',
    command: 'npm run test:load',
    bound: 15,
    needs: ['stress-ng', 'util-linux'],
    operations: /^requests$/,
  },
  {
    name: 'faults',
    title: 'Faults of system calls',
    purpose:
      'System calls of the addon fail, one kind at a time, under a program that uses everything. Each part has to end with the right result, or with an error that has a code.',
    command: 'npm run test:faults -- --minutes 10',
    bound: 30,
    needs: BUILD,
    executions: /^runs$/,
    faults: /^faults injected$/,
  },
  {
    name: 'fuzz',
    title: 'Fuzzers',
    purpose:
      'Everything that reads what comes from outside: kernel files, environments, limits as text, recordings, traces, HTTP, MQTT, the conversions of other systems; and the pure rules of the sampler against models. C++ in libFuzzer under the address sanitizer, JavaScript by the counts that V8 keeps of what was executed.',
    command: 'npm run test:fuzz',
    bound: 30,
    needs: ['clang-19', 'libclang-rt-19-dev'],
    executions: /^executions$/,
  },
]

/** The columns of figures. What a net has a pattern for, it is there for: none of these may be 0. */
export const COLUMNS = ['cases', 'executions', 'operations', 'tried', 'killed', 'faults']

/** What they are called where that is not their name. */
export const TITLES = { tried: 'mutants tried', killed: 'mutants killed', faults: 'faults injected' }

/** The sum of the counts that a net means by a column; undefined if it has none. */
export function figure(net, counts, column) {
  if (net[column] === undefined) return undefined
  const meant = Object.entries(counts).filter(([key]) => net[column].test(key))
  return meant.length === 0 ? undefined : meant.reduce((total, [, count]) => total + count, 0)
}

/** Why the figures of a net prove nothing, although nothing failed; undefined if they do, and for any other name. */
export function emptyFigure(name, counts, nets = NETS) {
  const net = nets.find((each) => each.name === name)
  const empty = COLUMNS.find((each) => net?.[each] !== undefined && !(figure(net, counts, each) > 0))
  return empty === undefined ? undefined : `it has counted no ${TITLES[empty] ?? empty}`
}

/** Debian's packages that these nets need and that are missing here. */
export function missingPackages(nets) {
  const needed = new Set(nets.flatMap(({ needs }) => needs))
  return [...needed].filter((each) => !NEEDS[each]())
}
