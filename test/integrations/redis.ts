/** Debian's redis-server, started for one test on a free port of loopback with a folder of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '../helpers/eventually.js'

/** A server that keeps its data when it is stopped and started again. */
export class Redis implements AsyncDisposable {
  readonly port: number
  readonly #folder = mkdtempSync(join(tmpdir(), 'tripline-redis-'))
  #server: ChildProcess | undefined

  private constructor(port: number) {
    this.port = port
  }

  static async start(): Promise<Redis> {
    const redis = new Redis(await freePort())
    await redis.start()
    return redis
  }

  /** For BullMQ. */
  get connection(): { host: string; port: number; maxRetriesPerRequest: null; retryStrategy: () => number } {
    return { host: '127.0.0.1', port: this.port, maxRetriesPerRequest: null, retryStrategy: () => 50 }
  }

  async start(): Promise<void> {
    const storage = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--dir', this.#folder]
    const options = ['--port', `${this.port}`, '--bind', '127.0.0.1', ...storage]
    const server = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#server = server
    let output = ''
    server.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    await eventually(
      () => output.includes('Ready to accept connections'),
      () => `redis is ready: ${output}`,
    )
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    server.kill()
    if (server.exitCode === null) await once(server, 'exit')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    rmSync(this.#folder, { recursive: true, force: true })
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
