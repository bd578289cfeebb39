/** Runs a command again that a limit has ended, after a wait that grows. */
import { Cancelable } from '../cancelable/cancelable.js'
import type { RunSettings } from './options.js'
import type { RunResult } from './result.js'

/** The longest wait, in milliseconds, unless the first one is longer. */
const LONGEST_WAIT_MS = 5 * 60_000
/** After a run of this length, in milliseconds, the wait is the first one again. */
const STEADY_MS = 10 * 60_000

/** The result of the last run. A cancelation during a wait ends the restarts. */
export async function withRestarts(
  settings: RunSettings,
  runOnce: (restarts: number) => Promise<RunResult>,
): Promise<RunResult> {
  const { restart, backoff, notify } = settings
  let wait = backoff
  for (let restarts = 0; ; restarts++) {
    const result = { ...(await runOnce(restarts)), restarts }
    if (restarts >= restart || !wasEndedByLimit(result)) return result
    if (result.duration >= STEADY_MS) wait = backoff
    notify({ kind: 'restarting', result, restart: restarts + 1, wait })
    if (!(await passes(wait, settings))) return result
    wait = Math.min(wait * 2, Math.max(backoff, LONGEST_WAIT_MS))
  }
}

/** Whether a limit, a timeout or silence has ended it, rather than the caller, a parent or a signal. */
function wasEndedByLimit({ reason }: RunResult): boolean {
  return reason?.kind === 'resource' || reason?.kind === 'timeout' || reason?.kind === 'idle'
}

/** Waits; false if a source has canceled that. */
async function passes(wait: number, { command, sources }: RunSettings): Promise<boolean> {
  const waiting = new Cancelable({ name: `the restart of ${command}`, ...sources, timeout: undefined })
  try {
    await waiting.run((cancel) => cancel.sleep(wait))
    return true
  } catch (error) {
    if (waiting.reason === undefined) throw error
    return false
  }
}
