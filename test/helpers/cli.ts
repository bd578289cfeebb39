/** Runs the `tripline` command from a shell and on a terminal, as a user does. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CLI, runCommand, type Outcome } from './child.js'
import { eventually } from './eventually.js'

const TERMINAL_PY = fileURLToPath(new URL('terminal.py', import.meta.url))

let tags = 0

export function tripline(...args: string[]): Promise<Outcome> {
  return runCommand(process.execPath, [CLI, ...args])
}

/** A shell line in which `tripline` is the command. */
export function shell(line: string): Promise<Outcome> {
  return runCommand('bash', [
    '-c',
    `tripline() { ${JSON.stringify(process.execPath)} ${JSON.stringify(CLI)} "$@"; }\n${line}`,
  ])
}

/** A unique number of seconds, by which the process `sleep ${tag}` can be found. */
export function makeTag(): string {
  return `36${String(process.pid).padStart(7, '0')}.${++tags}`
}

/** Processes that have `tag` in their arguments, except those in `except`. */
export function processesWith(tag: string): number[] {
  const found: number[] = []
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    try {
      const [name = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      // tripline itself and its forks have the tag in the command line that they were given.
      if (!name.endsWith('node') && args.some((each) => each.includes(tag))) found.push(pid)
    } catch {
      // The process is gone by now.
    }
  }
  return found
}

export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
}

/** A `tripline` in the background, with its output. */
export class Background implements Disposable {
  readonly child: ChildProcess
  output = ''
  /** Its exit status, or the signal that it died of. */
  readonly ended: Promise<number | NodeJS.Signals>

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout!.on('data', (chunk) => (this.output += String(chunk)))
    this.child.stderr!.on('data', (chunk) => (this.output += String(chunk)))
    this.ended = new Promise((resolve) => this.child.on('close', (code, signal) => resolve(code ?? signal!)))
  }

  shows(text: string | RegExp): Promise<void> {
    return eventually(
      () => includes(this.output, text),
      () => `${text} in ${JSON.stringify(this.output)}`,
    )
  }

  [Symbol.dispose](): void {
    this.child.kill('SIGKILL')
  }
}

/** Why pseudo-terminals are not available; undefined if they are. */
export const NO_TERMINAL: string | undefined =
  spawnSync('python3', ['-c', 'import pty']).status === 0 ? undefined : 'no python3, which makes the pseudo-terminal'

/** A command on a pseudo-terminal of 24 lines and 80 columns. */
export class Terminal implements Disposable {
  readonly #child: ChildProcess
  output = ''
  readonly ended: Promise<number | null>

  constructor(command: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const { NO_COLOR: _, ...inherited } = process.env
    this.#child = spawn('python3', [TERMINAL_PY, ...command], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...inherited, TERM: 'xterm', ...env },
    })
    this.#child.stdout!.on('data', (chunk) => (this.output += String(chunk)))
    this.#child.stdin!.on('error', () => undefined)
    this.ended = new Promise((resolve) => this.#child.on('close', resolve))
  }

  type(keys: string): void {
    this.#child.stdin!.write(`${JSON.stringify({ type: keys })}\n`)
  }

  resize(rows: number, columns: number): void {
    this.#child.stdin!.write(`${JSON.stringify({ resize: [rows, columns] })}\n`)
  }

  /** Sends a signal to the command itself, not through the terminal. */
  signal(number: number): void {
    this.#child.stdin!.write(`${JSON.stringify({ signal: number })}\n`)
  }

  shows(text: string | RegExp): Promise<void> {
    return eventually(
      () => includes(this.output, text),
      () => `${text} in ${JSON.stringify(this.output.slice(-2000))}`,
    )
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGTERM')
  }
}

export function onTerminal(...args: string[]): Terminal {
  return new Terminal([process.execPath, CLI, ...args])
}

function includes(output: string, text: string | RegExp): boolean {
  return typeof text === 'string' ? output.includes(text) : text.test(output)
}
