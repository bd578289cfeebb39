/** A server for one test. It ends with the process that has started it, also if that is killed. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import type { Writable } from 'node:stream'
import { eventually } from '../helpers/eventually.js'

// Descriptor 3 is a pipe from us. However we end, it is closed, and the server is asked to end.
const SUPERVISOR = `"$@" </dev/null 3<&- & server=$!
{ cat <&3 >/dev/null; kill $server; } 2>/dev/null &
exec 3<&-
wait $server`

export class Service implements AsyncDisposable {
  readonly #command: string
  readonly #supervisor: ChildProcess
  /** What it has printed. */
  output = ''

  constructor(command: string, args: readonly string[]) {
    this.#command = command
    const stdio = ['ignore', 'pipe', 'inherit', 'pipe'] as const
    this.#supervisor = spawn('/bin/sh', ['-c', SUPERVISOR, 'sh', command, ...args], { stdio: [...stdio] })
    this.#supervisor.stdout!.on('data', (chunk: Buffer) => (this.output += chunk.toString()))
  }

  /** Waits until it has printed a text. */
  async prints(text: string): Promise<void> {
    const hasEnded = (): boolean => this.#supervisor.exitCode !== null
    await eventually(
      () => this.output.includes(text) || hasEnded(),
      () => `'${text}' in: ${this.output}`,
    )
    if (!this.output.includes(text)) throw new Error(`${this.#command} is not installed, or has ended: ${this.output}`)
  }

  async stop(): Promise<void> {
    const { exitCode, signalCode, stdio } = this.#supervisor
    ;(stdio[3] as Writable).destroy()
    if (exitCode === null && signalCode === null) await once(this.#supervisor, 'exit')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** A port of loopback that was free just now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  return port
}
