/** The alternate screen of a terminal, restored on every exit path. */
import { writeSync } from 'node:fs'

const TAKE = '\u001B[?1049h\u001B[?25l'
const GIVE_BACK = '\u001B[?25h\u001B[?1049l'
const HOME = '\u001B[H'
const CLEAR_LINE = '\u001B[K'
const CLEAR_BELOW = '\u001B[J'

const FATAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']

export interface ScreenListener {
  key(key: string): void
  redraw(): void
}

export class Screen {
  readonly #listener: ScreenListener
  #taken = false

  constructor(listener: ScreenListener) {
    this.#listener = listener
    // Runs even after an uncaught exception.
    process.on('exit', () => this.giveBack())
    for (const signal of FATAL) process.on(signal, () => this.endBy(signal))
    process.on('SIGCONT', () => {
      this.#take()
      listener.redraw()
    })
    process.stdout.on('resize', () => listener.redraw())
    process.stdin.on('data', (data) => {
      for (const key of String(data)) this.#press(key)
    })
    this.#take()
  }

  get width(): number {
    return process.stdout.columns || 80
  }
  get height(): number {
    return process.stdout.rows || 24
  }

  show(lines: readonly string[]): void {
    if (!this.#taken) return
    const text = lines.map((line) => `${line}${CLEAR_LINE}`).join('\r\n')
    process.stdout.write(`${HOME}${text}${CLEAR_BELOW}`)
  }

  giveBack(): void {
    if (!this.#taken) return
    this.#taken = false
    try {
      if (process.stdin.isTTY) process.stdin.setRawMode(false)
      // Synchronous, because the process may be about to end.
      writeSync(1, GIVE_BACK)
    } catch {
      // The terminal is gone.
    }
  }

  /** Ends the process with the signal itself, so that a shell sees the right status. */
  endBy(signal: NodeJS.Signals): void {
    this.giveBack()
    for (const each of FATAL) process.removeAllListeners(each)
    process.kill(process.pid, signal)
  }

  #take(): void {
    if (this.#taken) return
    this.#taken = true
    if (process.stdin.isTTY) process.stdin.setRawMode(true)
    writeSync(1, TAKE)
  }

  #press(key: string): void {
    // In raw mode the terminal no longer turns these keys into signals.
    if (key === '\u0003') return this.endBy('SIGINT')
    if (key === '\u001C') return this.endBy('SIGQUIT')
    if (key === '\u001A') {
      this.giveBack()
      process.kill(process.pid, 'SIGTSTP')
      return
    }
    this.#listener.key(key)
  }
}
