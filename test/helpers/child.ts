/** Child processes that import the built package, as a user's program does. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url))
export const PACKAGE: string = new URL('../../dist/index.js', import.meta.url).href
export const CLI: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end. It is killed after `limit` milliseconds; the result then has the signal. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; limit?: number } = {},
): Promise<Outcome> {
  const { env = process.env, cwd = ROOT, limit = 25_000 } = options
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => (stdout += String(chunk)))
    child.stderr.on('data', (chunk) => (stderr += String(chunk)))
    const timer = setTimeout(() => child.kill('SIGKILL'), limit)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code, signal, stdout, stderr })
    })
  })
}

/**
 * Runs a module given as text, with the package imported as the namespace `tripline`. With `cgroup`, the process is moved
 * to that group before node starts.
 */
export function runModule(
  source: string,
  options: { flags?: readonly string[]; env?: NodeJS.ProcessEnv; cgroup?: string } = {},
): Promise<Outcome> {
  const { flags = [], env = process.env, cgroup } = options
  const text = `import * as tripline from ${JSON.stringify(PACKAGE)}\n${source}`
  const args = [...flags, '--input-type=module', '-e', text]
  if (cgroup === undefined) return runCommand(process.execPath, args, { env })
  const enter = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
  return runCommand('/bin/sh', ['-c', enter, cgroup, process.execPath, ...args], { env })
}
