/** The commands that run in this thread, for what shows them. */

/** A command that has started, and whose last process is not gone. */
export interface OpenCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly pid: number
  /** The process id for `process.*` metrics with `tree`. */
  readonly root: number
  /** On the clock of `performance.now()`, in milliseconds. */
  readonly startedAt: number
  /** Whether a limit has paused it. */
  readonly paused: boolean
}

const open = new Set<OpenCommand>()

export function openCommands(): Iterable<OpenCommand> {
  return open
}

/** Lists a command until the result is disposed of. */
export function listCommand(command: OpenCommand): Disposable {
  open.add(command)
  return { [Symbol.dispose]: () => void open.delete(command) }
}
