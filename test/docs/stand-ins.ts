/**
 * What the snippets of the manual use without declaring it, with its type: what every program has of its own, and what it imports
 * from Node. `around.ts` says which snippet may use which.
 */
import { once } from 'node:events'
import { createServer as createHttpServer, type Server } from 'node:http'
import {
  Cancelable,
  CancelationToken,
  TimeoutCancelation,
  cancelable,
  guard,
  limiter,
  type CancelationError,
} from 'tripline'

export { strict as assert } from 'node:assert'
export { once } from 'node:events'
export { createReadStream } from 'node:fs'
export { createServer } from 'node:http'
export { Worker, workerData } from 'node:worker_threads'

/** Passed to what can be canceled. */
interface Around {
  readonly signal?: AbortSignal | undefined
}
export interface Row {
  readonly id: number
}

const untilAborted = ({ signal }: Around): Promise<void> =>
  signal?.aborted === false ? once(signal, 'abort').then(() => signal.throwIfAborted()) : Promise.resolve()

// Operations, and what they work on.
export const cancel: Cancelable = new Cancelable().enter()
export const token: CancelationToken = new CancelationToken()
export const signal: AbortSignal = new AbortController().signal
export const error: CancelationError = new TimeoutCancelation({ timeout: 5000 })
export const items: readonly Row[] = [{ id: 1 }, { id: 2 }]
export const rows: Row[] = [{ id: 1 }, { id: 2 }]
export const urls: readonly string[] = ['data:,one', 'data:,two']
export const url: string = 'data:application/json,{}'
export const file: string = 'file'
export const source: string = 'source'
export const target: string = 'target'
export const video: object = {}
export const template: string = 'Hello'
export const data: object = {}

// What programs do.
export const job: (cancel: Cancelable) => Promise<void> = (operation) => operation.sleep(1000)
export const workOn: (item: Row) => void = () => undefined
export const crunch: (cancel: Cancelable) => number = () => 1
export const retry: () => void = () => undefined
export const use: (text: string) => void = () => undefined
export const reportLine: (line: string) => void = () => undefined
export const save: (row: Row) => Promise<void> = async () => undefined
export const insert: (row: Row) => Promise<void> = async () => undefined
export const load: (url: string, signal: AbortSignal) => Promise<string> = async (from) => from
export const copy: (source: string, options: Around) => Promise<void> = async () => undefined
export const copyTo: (source: string, target: string, options: Around) => Promise<void> = async (_, __, options) =>
  untilAborted(options)
export const watch: (cancel: Cancelable) => Promise<void> = async () => undefined
export const encode: (video: object | string, options?: Around) => Promise<void> = async () => undefined
export const readSensors: (cancel: Cancelable) => Promise<void> = async () => undefined
export const upload: (cancel: Cancelable) => Promise<void> = async () => undefined
export const insertRecords: () => Promise<void> = cancelable({}, async () => undefined)
export const importRows: (cancel: Cancelable) => Promise<void> = async (operation) => operation.reportProgress('half')
export const fetchAll: (options: { timeout: string }) => Promise<void> = (options) =>
  Cancelable.run((operation) => operation.sleep('1h'), options)
export const onProgress: () => void = () => undefined
export async function* readRows(): AsyncGenerator<Row> {
  yield* rows
}
export const render: (template: string, data: object) => string = (text) => text
export const summaryOf: (rows: readonly Row[]) => object = (list) => list
export const transaction = {
  commit: async (): Promise<void> => undefined,
  rollback: async (): Promise<void> => undefined,
}
export const sensor = { read: (): number => 20 }
export const control: (value: number, due: number, missed: number) => void = () => undefined
export const cache: ReadonlySet<string> = new Set(['warm'])
export const ping: (options: Around | AbortSignal) => Promise<boolean> = async () => true

// Servers and their parts.
export const server: Server = createHttpServer()
export const renderPage: (what: unknown, options: Around) => Promise<string> = async () => 'page'
export const report: (id: string, options: Around) => Promise<object> = async (id) => ({ id })
export const query: (what: unknown, options: Around) => Promise<Row[]> = async () => rows
export const database = {
  end: async (): Promise<void> => undefined,
  query: async (_sql: string, _options: Around): Promise<Row[]> => rows,
}
export const startServer: (options: { token: CancelationToken }) => { close(): Promise<void> } = (options) => {
  const serving = Cancelable.run((operation) => operation.sleep('1h'), options).catch(() => undefined)
  return { close: () => (options.token.cancel('shutting down'), serving) }
}

// Guards and limiters.
export const memory = guard({ memory: 99.9 })
export const limit = limiter({ max: 2, resources: memory })
