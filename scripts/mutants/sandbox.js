// Runs a command so that nothing of it outlives it, or reaches beyond: in a process namespace of its own where this system lets us
// make one, with bounds on its memory and its number of processes, and with a time limit.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'

const NAMESPACE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']

/** Whether processes can be contained: then no signal of a mutant reaches others. */
export const contains = spawnSync(NAMESPACE[0], [...NAMESPACE.slice(1), 'true']).status === 0

/** Data of a process that is bounded: a mutant that allocates without end stops there. */
const MEMORY = 4 * 2 ** 30
const PROCESSES = 400

/** A control group that bounds the number of processes; undefined if none can be made. */
function makeGroup() {
  const folder = `/sys/fs/cgroup/pids/tripline-mutants-${process.pid}`
  try {
    mkdirSync(folder)
    writeFileSync(`${folder}/pids.max`, String(PROCESSES))
    process.on('exit', () => {
      try {
        rmdirSync(folder)
      } catch {
        // Its last processes are still ending.
      }
    })
    return folder
  } catch {
    return undefined
  }
}

let group
const live = new Set()

/** Ends everything that still runs. */
export function endAll() {
  for (const child of live) end(child)
}

function end(child) {
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

/**
 * Runs a command. `status` is undefined if it reached the limit in milliseconds. `bounded`: with a bound on its data.
 *
 * @returns `{ status, output }`
 */
export function contain(command, { cwd, env, limit, bounded = false }) {
  if (contains) group ??= makeGroup()
  const enter = group === undefined ? '' : `echo $$ > ${group}/cgroup.procs; `
  const memory = bounded ? `ulimit -d ${MEMORY / 1024}; ` : ''
  // The shell stays as process 1, which reaps; ids begin where they do on a machine that has run for a while.
  const ids = 'echo 5000 2>/dev/null > /proc/sys/kernel/ns_last_pid; '
  const line = contains ? `${enter}${memory}${ids}"$@"; exit $?` : `${enter}${memory}exec "$@"`
  const shell = ['/bin/sh', '-c', line, 'sh', ...command]
  const [program, ...args] = contains ? [...NAMESPACE, ...shell] : shell
  return new Promise((resolve, reject) => {
    // A session of its own: its group is what is killed.
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    live.add(child)
    let output = ''
    const keep = (chunk) => (output = (output + chunk).slice(-20_000))
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    let late = false
    const timer = setTimeout(() => {
      late = true
      end(child)
    }, limit)
    child.on('error', reject)
    child.on('exit', (status) => {
      clearTimeout(timer)
      live.delete(child)
      // What it left behind, where there is no namespace.
      end(child)
      child.stdout.destroy()
      child.stderr.destroy()
      resolve({ status: late ? undefined : (status ?? 128), output })
    })
  })
}
