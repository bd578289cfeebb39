/** Job control: what stops tripline stops the command and its clock, and both continue together. */
import { setTimeout as delay } from 'node:timers/promises'
import type { RunHandle } from '../run/result.js'
import { hasJobControl, isStopped } from './own-process.js'

/**
 * What stops tripline and can be caught. `SIGTTOU` keeps its default action: the kernel repeats it for as long as our own line
 * cannot be written, and a listener would make that an endless loop.
 */
export const STOP_SIGNALS: readonly NodeJS.Signals[] = ['SIGTSTP', 'SIGTTIN']

// How long a command has to stop by itself, as an editor does once it has restored the terminal, in milliseconds.
const STOP_WITHIN_MS = 1000
const STEP_MS = 10
// Where the system does not say whether the command has stopped.
const BLIND_WAIT_MS = 100

/**
 * Waits until the command has stopped, stops the rest of its tree and its clock, then this process. Returns when it continues.
 * A command that does not stop keeps this process running, as if it had been started without tripline.
 *
 * @param stop stops this process with the default action of the signal; returns when it continues
 */
export async function suspend(command: RunHandle, stop: () => void): Promise<void> {
  for (let waited = 0; ; waited += STEP_MS) {
    const stopped = isStopped(command.pid) ?? (waited >= BLIND_WAIT_MS || undefined)
    if (stopped === true) break
    if (waited >= STOP_WITHIN_MS) return
    await delay(STEP_MS)
  }
  command.pause()
  if (hasJobControl()) stop()
  command.resume()
}
