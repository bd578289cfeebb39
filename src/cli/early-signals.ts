/**
 * Holds signals that arrive before a verb has loaded. Without a listener, `SIGUSR1` would open Node's debugger, and process 1,
 * for which no signal has a default action, would lose the others.
 */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'

/** The signals that a command gets when tripline receives them: all that a program can use, as with tini. */
export const PASSED_ON: readonly NodeJS.Signals[] = (
  [
    'SIGHUP',
    'SIGINT',
    'SIGQUIT',
    'SIGTERM',
    'SIGUSR1',
    'SIGUSR2',
    'SIGALRM',
    'SIGWINCH',
    'SIGPIPE',
    'SIGURG',
    'SIGXCPU',
    'SIGXFSZ',
    'SIGVTALRM',
    'SIGPROF',
    'SIGIO',
    'SIGPWR',
    'SIGSTKFLT',
    'SIGINFO',
  ] as const
).filter((name) => name in constants.signals)

/** Node's own handlers of these are in place long before JavaScript runs; they are used up by the first signal. */
const OF_NODE = ['SIGINT', 'SIGTERM'] as const

const held: NodeJS.Signals[] = []
const hold = (signal: NodeJS.Signals): void => void held.push(signal)

/** Called before anything else, for the verbs that run a command. */
export function holdSignals(): void {
  if (process.platform === 'win32') return
  endDebugger()
  // Node opens it once more in the first turn of the loop, for a signal that came while it started.
  setImmediate(endDebugger)
  if (process.pid === 1) held.push(...lost())
  for (const signal of process.pid === 1 ? PASSED_ON : (['SIGUSR1'] as const)) process.on(signal, hold)
}

/** Returns the signals that have arrived so far. */
export function takeEarly(): NodeJS.Signals[] {
  return held.splice(0)
}

/**
 * Ends the debugger that `NODE_OPTIONS=--inspect`, which is meant for the command, or an early `SIGUSR1` has opened.
 * `inspector.close()` would do the same, but loading `node:inspector` takes half a megabyte.
 */
export function endDebugger(): void {
  const { _debugEnd: end } = process as { _debugEnd?: () => void }
  end?.()
}

/** The signals that have come while Node started, of which process 1, which does not die of them, would know nothing. */
function lost(): readonly NodeJS.Signals[] {
  let status: string
  try {
    status = readFileSync('/proc/self/status', 'latin1')
  } catch {
    return []
  }
  const caught = BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  const missing = OF_NODE.filter((signal) => ((caught >> BigInt(constants.signals[signal] - 1)) & 1n) === 0n)
  // If both are missing, this runtime may have no such handlers.
  return missing.length < OF_NODE.length ? missing : []
}
