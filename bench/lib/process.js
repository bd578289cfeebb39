// What the kernel counts of processes and threads, read from /proc.
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** CPU time of one thread in nanoseconds. */
export function threadCpu(pid, tid) {
  return Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ', 1)[0])
}

/** The thread of a process with this name; undefined where there is no such thread. */
export function findThread(pid, name) {
  return readdirSync(`/proc/${pid}/task`).find((tid) => {
    try {
      return readFileSync(`/proc/${pid}/task/${tid}/comm`, 'utf8').trim() === name
    } catch {
      return false
    }
  })
}

/** The same, once there is one: a new thread names itself a moment after its start. */
export async function waitForThread(pid, name) {
  for (const end = performance.now() + 5000; performance.now() < end; await sleep(1)) {
    const found = findThread(pid, name)
    if (found !== undefined) return found
  }
  throw new Error(`process ${pid} has no thread ${name}`)
}

/** How often a thread has gone to sleep by itself: its wake-ups. */
export function voluntarySwitches(pid, tid) {
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8'))[1])
}

/** CPU time of this process and of the children it has waited for, in microseconds; those to a hundredth of a second. */
export function cpuWithChildren() {
  const { user, system } = process.cpuUsage()
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')
  return user + system + (Number(fields[13]) + Number(fields[14])) * 10_000
}

/** Runs a script of ours in a process of its own and gives the JSON that it prints last. */
export async function runChild(url, args = [], options = {}) {
  const { before = [], ...rest } = options
  const [command, ...first] = [...before, process.execPath]
  const child = spawn(command, [...first, url.pathname, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...rest,
  })
  let output = ''
  for await (const chunk of child.stdout) output += chunk
  if (output === '') throw new Error(`${url.pathname} ${args.join(' ')} said nothing`)
  return JSON.parse(output.trim().split('\n').at(-1))
}
