/** What the examples of the manual use without defining it, because every program has its own. */
import { createServer } from 'node:http'
import { Cancelable, CancelationToken, cancelable } from 'tripline'

type Any = any // oxlint-disable-line typescript/no-explicit-any -- the examples are about tripline, not about these

const ignore: (...args: Any[]) => void = () => undefined

export const log = { warn: ignore, error: ignore }
export const token = new CancelationToken()
export const signal = new AbortController().signal
export const cancel = new Cancelable().enter()
export const server = createServer()
export const rows: Any[] = [{ id: 1 }, { id: 2 }]
export const urls = ['one', 'two']
export const save: (row: Any) => Promise<void> = async () => undefined
export const load: (url: string, signal: AbortSignal) => Promise<string> = async (url) => url
export const readSensors: (cancel: Cancelable) => Promise<void> = async () => undefined
export const upload: (cancel: Cancelable) => Promise<void> = async () => undefined
export const insertRecords = cancelable({}, async () => undefined)
export const transaction = { rollback: async (): Promise<void> => undefined }
export const encode: (video: Any) => Promise<void> = async () => undefined
export const video = {}
export const template = 'Hello'
export const data = {}
export const render: (text: string, data: Any) => string = (text) => text
export const report = (list: Any[]): Any => list
export const cache = new Set(['warm'])
export const ping: (options: Any) => Promise<boolean> = async () => true
export const main = 'main'

/** A ticker of the examples ends after three beats, as if the process had received a signal. */
let beats = 0
export const sensor = { read: (): number => ++beats }
export const control: (...args: Any[]) => void = () => {
  if (beats === 3) process.emit('SIGTERM', 'SIGTERM')
}
