// Reads the kernel's figures about processes and threads from /proc.
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** CPU time of one thread in nanoseconds. */
export function threadCpu(pid, tid) {
  return Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ', 1)[0])
}

/** The thread of a process with this name; undefined if there is none. */
export function findThread(pid, name) {
  return readdirSync(`/proc/${pid}/task`).find((tid) => {
    try {
      return readFileSync(`/proc/${pid}/task/${tid}/comm`, 'utf8').trim() === name
    } catch {
      return false
    }
  })
}

/** The same, but waits for the thread: a new thread sets its name a moment after its start. */
export async function waitForThread(pid, name) {
  for (const end = performance.now() + 5000; performance.now() < end; await sleep(1)) {
    const found = findThread(pid, name)
    if (found !== undefined) return found
  }
  throw new Error(`process ${pid} has no thread ${name}`)
}

/** The number of wake-ups of a thread, counted by its voluntary context switches. */
export function voluntarySwitches(pid, tid) {
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8'))[1])
}

/** CPU time, in microseconds, of this process and of reaped children; the latter is precise to a hundredth of a second. */
export function cpuWithChildren() {
  const { user, system } = process.cpuUsage()
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')
  return user + system + (Number(fields[13]) + Number(fields[14])) * 10_000
}

/** Runs a script of the benchmarks in a process of its own and returns the JSON on its last line. */
export async function runChild(url, args = [], options = {}) {
  const { before = [], ...rest } = options
  const [command, ...first] = [...before, process.execPath]
  const child = spawn(command, [...first, url.pathname, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...rest,
  })
  let output = ''
  for await (const chunk of child.stdout) output += chunk
  if (output === '') throw new Error(`${url.pathname} ${args.join(' ')} printed nothing`)
  return JSON.parse(output.trim().split('\n').at(-1))
}
