/**
 * One operation in several threads. A shared token carries the cancelation both ways, so that a loop which never yields sees
 * it; a broadcast channel carries progress and partial results to the thread of the original.
 */
import { BroadcastChannel, receiveMessageOnPort, threadId } from 'node:worker_threads'
import { outsideContexts } from '../base/async-context.js'
import { now } from '../base/clock.js'
import { reportError } from '../base/diagnostics.js'
import { invalidType } from '../base/errors.js'
import { kContext } from '../base/operation-context.js'
import { parentReason } from '../base/reason.js'
import type { Watched } from '../engine/idle-watch.js'
import { HubLink } from '../engine/link.js'
import type { SharedToken } from '../sources/shared-token.js'
import { CancelationToken, TokenSource } from '../sources/token.js'
import { followersOf } from './combine.js'
import { whenEnded } from './ended.js'
import { addIdleWatch, shortestIdle, touch } from './idle.js'
import { listen, reportProgress } from './listeners.js'
import { extrasOf, kExtras, kName, kFlags, kReason, type Operation } from './operation.js'
import { onPartialResult } from './partial.js'
import { ENDED } from './state.js'

/** An operation for other threads: post it there, and make an operation of it with `Cancelable.from`. */
export interface SharedOperation extends SharedToken {
  /** The name of the channel by which progress and partial results come back. */
  readonly channel: string
  /** The id of the operation, which its copies have too. */
  readonly id: string
  /** The name of the operation, which its copies have too. */
  readonly name: string | undefined
  /** The shortest idle time that its signs of life are for, in milliseconds; Infinity without one. */
  readonly idle: number
}

/** What the file works on: `Cancelable`, which is above it. */
interface Shareable extends Operation {
  partialResult: unknown
  addSource(source: TokenSource): unknown
}

interface ProgressNews {
  readonly message: string
  readonly data: unknown
  readonly done?: number | undefined
  readonly total?: number | undefined
}
interface PartialNews {
  readonly partial: unknown
}
interface TouchNews {
  readonly touched: true
}

interface Original {
  readonly shared: SharedOperation
  readonly drain: () => void
}

const originals = new WeakMap<Operation, Original>()
/** Part of the names of channels: another copy of this package counts from 0, too. */
const copy = Math.random().toString(36).slice(2)
let channels = 0

/** What `share()` of an operation returns. */
export function shareOperation(operation: Shareable): SharedOperation {
  const known = originals.get(operation)
  if (known !== undefined) return known.shared
  const token = new CancelationToken()
  const { id, name } = operation[kContext]
  const channel = `tripline-${threadId}-${copy}-${++channels}`
  const shared = { ...token.share(), channel, id, name, idle: shortestIdle(operation) }
  if (operation[kReason] === null && (operation[kFlags] & ENDED) !== 0) token.cancel(parentReason(id, null))
  else bind(operation, token)
  const drain = (operation[kFlags] & ENDED) === 0 ? receive(operation, token, shared) : () => undefined
  originals.set(operation, { shared, drain })
  return shared
}

/** Handles what the other threads have sent so far. */
export function drainShared(operation: Operation): void {
  originals.get(operation)?.drain()
}

/** Each cancels the other, with its reason. */
function bind(operation: Shareable, token: CancelationToken): void {
  const reason = operation[kReason]
  if (reason !== null) {
    token.cancel(reason)
    return
  }
  new HubLink(followersOf(operation), token).connect()
  operation.addSource(new TokenSource(token))
}

/** Receives progress and partial results until the operation ends; returns what handles those that have arrived. */
function receive(operation: Shareable, token: CancelationToken, { channel: name, id }: SharedOperation): () => void {
  const channel = outsideContexts(() => new BroadcastChannel(name))
  channel.addEventListener('message', (event) => take(operation, (event as MessageEvent).data))
  channel.unref()
  const drain = (): void => {
    for (let next = nextOf(channel); next !== undefined; next = nextOf(channel)) take(operation, next.message)
  }
  whenEnded(operation, () => {
    drain()
    channel.close()
    // The copies end like children. If the operation was canceled, so was the token.
    token.cancel(parentReason(id, null))
  })
  return drain
}

/** The next message that has arrived, before the event loop gets to it; some runtimes cannot ask a broadcast channel. */
function nextOf(channel: BroadcastChannel): { message: unknown } | undefined {
  try {
    return receiveMessageOnPort(channel as never)
  } catch {
    return undefined
  }
}

function take(operation: Shareable, news: unknown): void {
  if (typeof news !== 'object' || news === null) return
  const { message, data, done, total } = news as Partial<ProgressNews>
  if ('touched' in news) touch(operation)
  else if ('partial' in news) operation.partialResult = news.partial
  else if (typeof message !== 'string') return
  else if (isAmount(done) && (total === undefined || isAmount(total))) {
    reportProgress(operation, { done, total, message, data }, undefined)
  } else reportProgress(operation, message, data)
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Infinity
}

/** Checks what another thread has shared. @throws TypeError `ERR_INVALID_ARG_TYPE` */
export function checkShared(shared: SharedOperation): SharedOperation {
  const given = shared as Partial<SharedOperation> | null | undefined
  if (
    typeof given === 'object' &&
    given !== null &&
    typeof given.channel === 'string' &&
    typeof given.id === 'string'
  ) {
    return shared
  }
  throw invalidType('shared argument', 'what share() of an operation returned', shared)
}

/** Makes a new operation a copy of one that another thread has shared. @throws TypeError `ERR_INVALID_ARG_TYPE` */
export function copyShared(operation: Shareable, shared: SharedOperation): void {
  const token = CancelationToken.from(shared)
  const extras = extrasOf(operation)
  extras.id ??= shared.id
  if (typeof shared.name === 'string') operation[kName] ??= shared.name
  bind(operation, token)
  const sender = new Sender(operation, shared.channel)
  listen(operation, 'progress', ({ message, data, done, total }) => {
    sender.send({ message, data, done, total }, { message, data: undefined, done, total })
  })
  onPartialResult(operation, (partial) => sender.send({ partial }))
  if (shared.idle < Infinity) addIdleWatch(operation, new SignsOfLife(sender, shared.idle))
  const sendStream = (): void => {
    if (operation[kExtras]?.stream !== undefined) sender.send({ partial: operation.partialResult })
  }
  // A canceled thread may be terminated before its operation ends.
  listen(operation, 'cancel', sendStream)
  whenEnded(operation, () => {
    sendStream()
    sender.close()
  })
}

/** Sends signs of life to the original, as seldom as its idle time allows. */
class SignsOfLife implements Watched {
  readonly duration: number
  readonly #sender: Sender
  #sentAt = -Infinity

  constructor(sender: Sender, idle: number) {
    this.duration = idle
    this.#sender = sender
  }

  touch(): void {
    const time = now()
    if (time - this.#sentAt < this.duration / 4) return
    this.#sentAt = time
    this.#sender.send({ touched: true })
  }
}

class Sender {
  readonly #operation: Operation
  readonly #name: string
  #channel: BroadcastChannel | undefined
  #closed = false

  constructor(operation: Operation, name: string) {
    this.#operation = operation
    this.#name = name
  }

  /** @param instead what is sent if `news` has values that cannot be cloned */
  send(news: ProgressNews | PartialNews | TouchNews, instead?: ProgressNews): void {
    if (this.#closed) return
    if (this.#channel === undefined) {
      this.#channel = new BroadcastChannel(this.#name)
      this.#channel.unref()
    }
    try {
      this.#channel.postMessage(news)
    } catch (error) {
      reportError(error, 'shared operation', this.#operation[kName])
      if (instead !== undefined) this.#channel.postMessage(instead)
    }
  }

  close(): void {
    this.#closed = true
    this.#channel?.close()
  }
}
