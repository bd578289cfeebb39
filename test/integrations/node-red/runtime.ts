/** Node-RED as tests see it: a process of its own, which they ask. */
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { eventually } from '../../helpers/eventually.js'
import { source } from './setup.js'

export const MB = 1024 ** 2

/** Node-RED in a process of its own. */
export class Runtime {
  readonly #child: ChildProcess
  readonly #answers: { answer: string; value: unknown }[] = []
  output = ''
  base = ''

  constructor(userDir: string) {
    const program = fileURLToPath(new URL('runtime.mjs', import.meta.url))
    this.#child = fork(program, [source, userDir], { execArgv: ['--expose-gc'], silent: true })
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) stream.on('data', (text) => (this.output += text))
    this.#child.on('message', (message) => this.#answers.push(message as never))
  }

  async start(): Promise<void> {
    this.base = `http://127.0.0.1:${String(await this.#next('ready'))}`
  }

  async ask<T>(ask: string, value?: unknown): Promise<T> {
    this.#child.send({ ask, value })
    return (await this.#next(ask)) as T
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return
    this.#child.send({ ask: 'stop' })
    await eventually(() => this.hasEnded).catch(() => this.#child.kill('SIGKILL'))
  }

  async deploy(flows: object[], type: 'full' | 'flows' | 'nodes' = 'full'): Promise<void> {
    const headers = { 'content-type': 'application/json', 'node-red-deployment-type': type }
    const response = await fetch(`${this.base}/flows`, { method: 'POST', headers, body: JSON.stringify(flows) })
    expect(response.status, await response.text()).toBe(204)
  }

  async #next(name: string): Promise<unknown> {
    const has = () => this.#answers.findIndex(({ answer }) => answer === name)
    await eventually(
      () => has() >= 0 || this.hasEnded,
      () => `${name}: ${this.output}`,
    )
    if (has() < 0) throw new Error(`Node-RED has ended: ${this.output}`)
    return this.#answers.splice(has(), 1)[0]!.value
  }
}
