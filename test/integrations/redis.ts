/** Debian's redis-server, started for one test on a free port of loopback with a folder of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, Service } from './service.js'

/** A server that keeps its data when it is stopped and started again. */
export class Redis implements AsyncDisposable {
  readonly port: number
  readonly #folder = mkdtempSync(join(tmpdir(), 'tripline-redis-'))
  #server: Service | undefined

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
    this.#server = new Service('redis-server', options)
    await this.#server.prints('Ready to accept connections')
  }

  async stop(): Promise<void> {
    await this.#server?.stop()
    this.#server = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
