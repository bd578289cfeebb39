/** Ends this process by a signal, so that a shell's loop and a supervisor see what they would see of the command. */
import { isTerminal } from './terminal.js'

// Their default action writes a core dump, which would be one of tripline.
const DUMPING = new Set<string>([
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGSEGV',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGSYS',
])

/** Makes this process die of the signal when it exits. Process 1 cannot, and exits with its status instead. */
export function dieAtExit(signal: NodeJS.Signals): void {
  if (process.platform === 'win32' || DUMPING.has(signal)) return
  process.once('exit', () => {
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

/** Makes this process die of `SIGHUP` if its terminal is gone. Otherwise Node would abort, because it cannot restore it. */
export function dieWithTerminals(): void {
  const terminals = [0, 1, 2].filter((fd) => isTerminal(fd))
  if (terminals.length === 0) return
  process.once('SIGHUP', () =>
    process.once('exit', () => {
      if (terminals.every((fd) => isTerminal(fd))) return
      process.removeAllListeners('SIGHUP')
      process.kill(process.pid, 'SIGHUP')
    }),
  )
}
