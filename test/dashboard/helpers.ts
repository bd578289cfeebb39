/** A dashboard as a browser sees it: requests with any headers, the exchange of the token, and the stream of events. */
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import type { StateMessage, UpdateMessage } from '../../src/integrations/dashboard/protocol.js'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Why it was refused. */
  readonly code: string | undefined
}

interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string
}

function send(url: string, { method = 'GET', headers = {}, body }: Asked): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers: headers as Record<string, string>, agent: false }, resolve)
    sent.on('error', reject)
    sent.end(body)
  })
}

export async function ask(url: string, asked: Asked = {}): Promise<Answer> {
  const response = await send(url, asked)
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk)
  const code = response.headers['tripline-code'] as string | undefined
  return { status: response.statusCode!, headers: response.headers, text, code }
}

/** Where the page is, and the cookie that opens it. */
export interface Entered {
  readonly base: string
  readonly headers: { readonly cookie: string }
}

/** Exchanges the token of an address. */
export async function enter(address: string): Promise<Entered> {
  const { status, headers, text } = await ask(address)
  if (status !== 303) throw new Error(`status ${status}: ${text}`)
  const [cookie = ''] = headers['set-cookie']![0]!.split(';')
  return { base: new URL(headers.location!, address).href, headers: { cookie } }
}

export interface PageEvent {
  readonly id: string
  readonly name: string
  readonly data: StateMessage & UpdateMessage
}

/** The events of one connection. */
export class Events implements AsyncIterable<PageEvent>, Disposable {
  readonly #response: IncomingMessage
  readonly #events: AsyncGenerator<PageEvent, void>

  constructor(response: IncomingMessage) {
    this.#response = response
    this.#events = parse(response)
  }

  static async open({ base, headers }: Entered, lastId?: string): Promise<Events> {
    const last = lastId === undefined ? {} : { 'last-event-id': lastId }
    const response = await send(`${base}events`, { headers: { ...headers, ...last } })
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
    return new Events(response)
  }

  [Symbol.asyncIterator](): AsyncIterator<PageEvent> {
    return this.#events
  }

  /** The next one that is meant. */
  async next(isMeant: (event: PageEvent) => boolean = () => true): Promise<PageEvent> {
    for (;;) {
      const { value } = await this.#events.next()
      if (value === undefined) throw new Error('the stream has ended')
      if (isMeant(value)) return value
    }
  }

  [Symbol.dispose](): void {
    this.#response.destroy()
  }
}

async function* parse(response: IncomingMessage): AsyncGenerator<PageEvent, void> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += String(chunk)
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = new Map(
        text
          .slice(0, end)
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      )
      text = text.slice(end + 2)
      const data = fields.get('data')
      if (data === undefined) continue
      yield { id: fields.get('id') ?? '', name: fields.get('event')!, data: JSON.parse(data) as never }
    }
  }
}
