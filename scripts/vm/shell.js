// Runs commands on the host to their end.
import { execFileSync } from 'node:child_process'

/** Runs a command and returns its trimmed output. Its stderr is shown only if it fails. */
export function run(command, args, options = {}) {
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 26,
      ...options,
      env: { ...process.env, LC_ALL: 'C', ...options.env },
    }).trim()
  } catch (error) {
    if (error.status === undefined || error.status === null) throw error
    throw new Error(`${command} ${args.join(' ')} failed with ${error.status}:\n${error.stderr}`, { cause: error })
  }
}
