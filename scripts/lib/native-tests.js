// The programs of the native unit tests: which sources each has, and what it says at its end.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { samplerSources } from '../../native/sources.js'
import { hostOs, root } from './cxx.js'

const standIn = 'test/native/darwin_stand_in'
const scripted = 'test/native/scripted_system'

/** The sources of each program, and its additional flags. */
export const programs = [
  {
    own: [],
    // The test program is a host without V8.
    sources: [...samplerSources(hostOs), 'native/node/v8_names.cc', ...sourcesIn('test/native')],
  },
  // The sampler with its thread, over a system whose clock, waiter, threads and probes the tests script.
  {
    own: ['-iquote', 'test/native'],
    sources: [
      ...samplerSources(hostOs).filter((file) => /^native\/(?:port|sampler|util)\//.test(file)),
      'test/native/main.cc',
      ...sourcesIn(scripted),
    ],
  },
]
if (hostOs === 'linux') {
  // The command code of native/darwin on real processes, over a stand-in for the calls of macOS.
  const used =
    /\/(?:posix\/\w+|darwin\/(?:process_scanner|inheritance|command_group|os_process|process_list|process))\.cc$/
  programs.push({
    own: [`-I${standIn}`],
    sources: [
      ...samplerSources('darwin').filter((file) => used.test(file)),
      'native/port/metrics.cc',
      'native/port/probe.cc',
      ...samplerSources('linux').filter((file) => /\/util\/\w+\.cc$|\/linux\/thread\.cc$/.test(file)),
      'test/native/main.cc',
      ...sourcesIn(standIn),
    ],
  })
}

function sourcesIn(folder) {
  return readdirSync(path.join(root, folder))
    .filter((name) => name.endsWith('.cc'))
    .map((name) => `${folder}/${name}`)
}

/** How many tests a program has counted at its end: passed, failed, and left out with a reason. */
export function nativeCounts(output) {
  const [, passed = 0, failed = 0] = /^(\d+) passed, (\d+) failed$/m.exec(output) ?? []
  const [, skipped = 0] = /^(\d+) skipped$/m.exec(output) ?? []
  return { passed: Number(passed), failed: Number(failed), leftOut: Number(skipped) }
}

/** The same for several programs, one after the other: an entry for each that came to its end. */
export function nativeRuns(output) {
  return Array.from(output.matchAll(/[^]*?^\d+ passed, \d+ failed$/gm), ([each]) => nativeCounts(each))
}
