/** The stream of events from the server, and the messages while it is interrupted. */
import type { StateMessage, UpdateMessage } from '../protocol.js'
import { spanText } from './format.js'

export type Connection = 'connecting' | 'live' | 'lost' | 'ended' | 'refused'

export interface ConnectionListener {
  state(message: StateMessage): void
  update(message: UpdateMessage): void
  /** Time between two samples, in milliseconds. */
  readonly interval: number
  /** @param text in a few words @param advice what to do about it; empty if there is nothing */
  connection(state: Connection, text: string, advice: string): void
}

const RETRY_MS = 3000
const LONGEST_RETRY_MS = 30_000
/** A connection without events for so long counts as lost: the server sends something at least every 15 s. */
const SILENCE_MS = 40_000

const ADVICE: Readonly<Record<string, string>> = {
  'too-many-pages': 'Too many pages are open. This one tries again; close another one.',
  'too-many-requests': 'The server is busy. This page tries again.',
}
const NO_ACCESS =
  'This page has no access any more: the program was started again, or has other sessions. Open a new address that it prints.'

export function follow(listener: ConnectionListener): void {
  let source: EventSource
  let lastId = ''
  const since = Date.now()
  let waits = RETRY_MS
  let seenAt = Date.now()
  let isOver = false

  const receive = (take: (message: never) => void): ((event: MessageEvent<string>) => void) => {
    return (event) => {
      lastId = event.lastEventId
      waits = RETRY_MS
      seenAt = Date.now()
      take(JSON.parse(event.data) as never)
      listener.connection('live', 'Live', '')
    }
  }

  const lost = (advice: string): void => listener.connection('lost', 'No connection, trying again', advice)

  /** The browser has given up, as it does after any answer that is no stream. */
  const explain = async (): Promise<void> => {
    let code: string
    try {
      const answer = await fetch('events', { method: 'HEAD', cache: 'no-store' })
      code = answer.ok ? '' : (answer.headers.get('tripline-code') ?? String(answer.status))
    } catch {
      code = ''
    }
    if (code === 'closed') return end()
    if (code === 'token-missing' || code === 'not-found') {
      isOver = true
      return listener.connection('refused', 'No access', NO_ACCESS)
    }
    lost(ADVICE[code] ?? '')
    setTimeout(open, waits)
    waits = Math.min(2 * waits, LONGEST_RETRY_MS)
  }

  const end = (): void => {
    isOver = true
    source.close()
    const text = 'The program has ended, or closed this page. The values are those until then.'
    listener.connection('ended', `Ended after ${spanText(Date.now() - since)}`, text)
  }

  const open = (): void => {
    source = new EventSource(lastId === '' ? 'events' : `events?last=${encodeURIComponent(lastId)}`)
    source.addEventListener(
      'state',
      receive((message: StateMessage) => listener.state(message)),
    )
    source.addEventListener(
      'update',
      receive((message: UpdateMessage) => listener.update(message)),
    )
    source.addEventListener('end', end)
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) void explain()
      else lost('')
    })
  }
  open()
  setInterval(() => {
    const longest = Math.max(SILENCE_MS, 3 * listener.interval)
    if (isOver || source.readyState !== EventSource.OPEN || Date.now() - seenAt < longest) return
    seenAt = Date.now()
    source.close()
    lost('')
    open()
  }, 5000)
}
