/** Registries: the operations that have not ended, to be listed, counted and canceled. */
import { inThisContext } from '../base/async-context.js'
import { now, realNow } from '../base/clock.js'
import { ofThisCopy } from '../base/copies.js'
import { callIsolated } from '../base/diagnostics.js'
import { DuplicateIdError, invalidType, invalidValue } from '../base/errors.js'
import type { OperationContext } from '../base/operation-context.js'
import { readOptions } from '../base/options.js'
import { nextTurn } from '../base/real-timers.js'
import { messageOf, toReason, type CancelationReason } from '../base/reason.js'
import { checkWhole } from '../base/units.js'
import type { Cancelable } from '../cancelable/cancelable.js'
import { isGeneratedId } from '../cancelable/context.js'
import {
  asOperation,
  findAncestor,
  hasEnded,
  kStore,
  registerAll,
  registerNow,
  registrationOf,
  setDefaultStore,
  type RegistryStore,
  type Registrar,
  type Registration,
} from '../cancelable/registration.js'
import { CANCELED } from '../cancelable/state.js'
import { compileFilter, type Matcher, type OperationFilter } from './filter.js'
import { History, type OperationRecord } from './history.js'
import { Statistics, type RegistryStatistics } from './statistics.js'
import { traceEnd, traceStart } from './tracing.js'

/** The options of a registry. */
export interface RegistryOptions {
  /** How many ended operations `history()` keeps. @default 0 */
  history?: number | undefined
}

/** The options of `cancelAll`. */
export interface CancelAllOptions {
  /** Why: a message, an error, or a whole reason. @default the message `'Canceled'` */
  reason?: string | Error | CancelationReason | undefined
  /** How many operations are looked at in one turn of the event loop, which is left earlier after 5 ms. @default 100 */
  batch?: number | undefined
}

/** Which records `history()` returns. Ages count from the end of the operation. */
export interface HistoryFilter extends OperationFilter {
  /** How many records at most. @default all */
  limit?: number | undefined
}

/** A registered operation with those below it. */
export interface OperationNode {
  /** The operation. */
  readonly operation: OperationContext
  /** The registered operations whose nearest registered ancestor is this one, oldest first. */
  readonly children: readonly OperationNode[]
}

/** The longest time for which a batch holds the event loop, in milliseconds. */
const LONGEST_BATCH_MS = 5

/** The registrations of a registry, in the order in which they came. */
class RegistrationList implements RegistryStore {
  first: Registration | null = null
  last: Registration | null = null
  size = 0
  /** By stage. */
  readonly stages: [number, number, number] = [0, 0, 0]
  readonly #byId = new Map<string, Registration>()
  /** Iterations under way, each with the registration that comes next. */
  readonly #walkers = new Set<{ at: Registration | null; readonly towards: 'next' | 'previous' }>()
  readonly #ended: (registration: Registration) => void

  constructor(ended: (registration: Registration) => void) {
    this.#ended = ended
  }

  add(registration: Registration): void {
    const id = registration.knownId
    if (id !== undefined) {
      if (this.find(id) !== undefined) throw new DuplicateIdError(id)
      this.#byId.set(id, registration)
    }
    registration.previous = this.last
    registration.next = null
    if (this.last === null) this.first = registration
    else this.last.next = registration
    this.last = registration
    this.size++
    this.stages[registration.stage]!++
    traceStart(registration)
  }

  remove(registration: Registration): void {
    const { previous, next } = registration
    for (const walker of this.#walkers) if (walker.at === registration) walker.at = registration[walker.towards]
    registration.previous = null
    registration.next = null
    if (previous === null) this.first = next
    else previous.next = next
    if (next === null) this.last = previous
    else next.previous = previous
    this.size--
    this.stages[registration.stage]!--
    const id = registration.knownId
    if (id !== undefined && this.#byId.get(id) === registration) this.#byId.delete(id)
  }

  moved(registration: Registration, from: number): void {
    this.stages[from]!--
    this.stages[registration.stage]!++
  }

  ended(registration: Registration): void {
    this.remove(registration)
    this.#ended(registration)
  }

  /** All registrations; some may come and others go meanwhile. */
  *walk(towards: 'next' | 'previous'): Generator<Registration> {
    const walker = { at: towards === 'next' ? this.first : this.last, towards }
    this.#walkers.add(walker)
    try {
      while (walker.at !== null) {
        const each: Registration = walker.at
        walker.at = each[towards]
        yield each
      }
    } finally {
      this.#walkers.delete(walker)
    }
  }

  /** An id that the library made is unknown here until it has been read, so such ids are searched for. */
  find(id: string): Registration | undefined {
    const found = this.#byId.get(id)
    if (found !== undefined || !isGeneratedId(id)) return found
    for (let each = this.first; each !== null; each = each.next) {
      if (each.knownId !== id) continue
      this.#byId.set(id, each)
      return each
    }
    return undefined
  }
}

/**
 * The operations that are registered here and have not ended. An operation is registered by its option `register`, by
 * {@link register}, or with all others by {@link trackAll}. It leaves when it ends.
 *
 * @example
 * import { registry } from 'tripline/registry'
 *
 * await Cancelable.run(importRows, { name: 'import/rows', register: true })
 * // Elsewhere:
 * registry.list({ olderThan: '5m' })
 * await registry.cancelAll({ name: 'import/*' }, { reason: 'shutting down' })
 */
export class OperationRegistry implements Registrar {
  readonly #list: RegistrationList
  readonly #history = new History()
  readonly #statistics = new Statistics()
  readonly #listeners = new Set<(operation: OperationContext) => unknown>()

  /** @throws TypeError, RangeError with Node's codes for bad options */
  constructor(options: RegistryOptions = {}) {
    const { history = 0 } = readOptions(options, 'option', ['history'])
    this.historySize = history
    this.#list = new RegistrationList((registration) => this.#ended(registration))
  }

  /** @internal */
  get [kStore](): RegistryStore {
    return this.#list
  }

  /** How many operations are registered. */
  get size(): number {
    return this.#list.size
  }

  /**
   * How many ended operations {@link history} keeps; a smaller number drops the oldest.
   *
   * @default 0
   */
  get historySize(): number {
    return this.#history.size
  }
  set historySize(size: number) {
    this.#history.resize(checkWhole(size, 'history', 0))
  }

  // Registering

  /**
   * Registers an operation, also before its start. One that is registered here already stays so.
   *
   * @throws DuplicateIdError `ERR_TRIPLINE_DUPLICATE_ID` if another one with its id is registered; TypeError
   *   `ERR_INVALID_ARG_TYPE`; TypeError `ERR_INVALID_ARG_VALUE` for an operation that has ended
   */
  register(operation: Cancelable): void {
    const checked = asOperation(operation)
    if (checked === undefined)
      throw invalidType('operation argument', `a Cancelable${ofThisCopy(operation)}`, operation)
    if (hasEnded(checked)) throw invalidValue('operation argument', 'one that has not ended', operation)
    registerNow(this.#list, checked)
  }

  /** Takes an operation out, which then leaves no trace in the history. @returns whether it was registered */
  unregister(operation: Cancelable): boolean {
    const checked = asOperation(operation)
    const registration = checked && registrationOf(this.#list, checked)
    registration?.leave()
    return registration !== undefined
  }

  /**
   * Registers every operation that starts from now on, ticks of tickers included, until the result is disposed. One whose
   * id is taken does not start: its run rejects with `ERR_TRIPLINE_DUPLICATE_ID`.
   */
  trackAll(): Disposable {
    return { [Symbol.dispose]: registerAll(this.#list) }
  }

  // Reading

  /** The operation with this id. @throws TypeError `ERR_INVALID_ARG_TYPE` for an id that is not a string */
  get(id: string): OperationContext | undefined {
    return this.#list.find(checkId(id))?.context
  }

  /**
   * The operations that match, oldest first.
   *
   * @throws TypeError, RangeError with Node's codes, naming the filter; whatever a function in the filter throws
   */
  list(filter?: OperationFilter): OperationContext[] {
    const found: OperationContext[] = []
    for (const { context } of this.#matching(filter)) found.push(context)
    return found
  }

  /**
   * The operations that match, each below its nearest ancestor that matches.
   *
   * @throws as {@link list}
   */
  tree(filter?: OperationFilter): OperationNode[] {
    interface Branch extends OperationNode {
      readonly children: Branch[]
    }
    const nodes = new Map<unknown, Branch>()
    for (const { operation, context } of this.#matching(filter))
      nodes.set(operation, { operation: context, children: [] })
    const roots: Branch[] = []
    for (const [operation, node] of nodes) {
      const above = findAncestor(operation as Registration['operation'], (each) => nodes.get(each))
      ;(above?.children ?? roots).push(node)
    }
    return roots
  }

  /** Counts since the registry was made. */
  statistics(): RegistryStatistics {
    return this.#statistics.report(this.#list.stages)
  }

  /**
   * The operations that have ended and match, newest first: as many as {@link historySize} says.
   *
   * @throws TypeError, RangeError with Node's codes, naming the filter
   */
  history(filter: HistoryFilter = {}): OperationRecord[] {
    const matches = compileFilter(filter, ['limit'])
    const limit = checkWhole(filter.limit ?? Infinity, 'limit', 0, Infinity, true)
    const found: OperationRecord[] = []
    const time = now()
    for (const record of this.#history.newest()) {
      if (found.length >= limit) break
      if (matches(record, record.endedAt === undefined ? undefined : time - record.endedAt)) found.push(record)
    }
    return found
  }

  /** Forgets the records of ended operations. */
  clearHistory(): void {
    this.#history.clear()
  }

  /**
   * Calls `listener` whenever a registered operation has ended, blocks included, before the operation's own listeners.
   * Disposing of the result removes it.
   *
   * @throws TypeError `ERR_INVALID_ARG_TYPE`
   */
  onSettled(listener: (operation: OperationContext) => unknown): Disposable {
    if (typeof listener !== 'function') throw invalidType('listener argument', 'a function', listener)
    const bound = inThisContext(listener)
    this.#listeners.add(bound)
    return { [Symbol.dispose]: () => void this.#listeners.delete(bound) }
  }

  // Canceling

  /**
   * Cancels the operation with this id.
   *
   * @returns whether there is one, and it was not canceled before
   * @throws TypeError as `cancel` of an operation, or `ERR_INVALID_ARG_TYPE` for an id that is not a string
   */
  cancel(id: string, reason?: string | Error | CancelationReason): boolean {
    const checked = toReason(reason)
    return this.#list.find(checkId(id))?.cancel(checked) ?? false
  }

  /**
   * Cancels the operations that match, the newest first, in batches between which the event loop turns. Operations that are
   * registered meanwhile are left alone. A canceled operation takes its own children with it, whether they match or not.
   *
   * @returns how many were canceled by this call
   * @throws TypeError, RangeError with Node's codes for a bad filter or option; rejects with whatever a function in the
   *   filter throws, and what has been canceled until then stays so
   */
  cancelAll(filter?: OperationFilter, options: CancelAllOptions = {}): Promise<number> {
    const matches = compileFilter(filter)
    const { reason, batch = 100 } = readOptions(options, 'option', ['reason', 'batch'])
    return this.#cancelInBatches(matches, toReason(reason), checkWhole(batch, 'batch', 1))
  }

  async #cancelInBatches(matches: Matcher, reason: CancelationReason, batch: number): Promise<number> {
    let canceled = 0
    let turnEnds = realNow() + LONGEST_BATCH_MS
    let left = batch
    // Children start after their parents, so that no parent cancels all of its children in one turn if they match as well.
    for (const registration of this.#list.walk('previous')) {
      if (left-- === 0 || realNow() >= turnEnds) {
        await new Promise<void>(nextTurn)
        turnEnds = realNow() + LONGEST_BATCH_MS
        left = batch - 1
        if (!registration.listed) continue
      }
      if (registration.stage === CANCELED || !matches(registration.context, ageOf(registration.context))) continue
      if (registration.cancel(reason)) canceled++
    }
    return canceled
  }

  *#matching(filter: OperationFilter | undefined): Generator<Registration> {
    const matches = compileFilter(filter)
    for (const each of this.#list.walk('next')) {
      if (matches(each.context, ageOf(each.context))) yield each
    }
  }

  #ended(registration: Registration): void {
    const { status, reason, elapsed } = registration
    this.#statistics.add(status, reason, elapsed)
    if (this.#history.size > 0) this.#history.add(recordOf(registration.context))
    if (this.#listeners.size > 0) this.#notify(registration.context)
    traceEnd(registration)
  }

  #notify(operation: OperationContext): void {
    for (const listener of this.#listeners) callIsolated('settled listener', operation.name, listener, operation)
  }
}

function ageOf({ startedAt }: OperationContext): number | undefined {
  return startedAt === undefined ? undefined : now() - startedAt
}

function recordOf(operation: OperationContext): OperationRecord {
  const { id, name, status, parentId, startedAt, endedAt, elapsed, reason, metadata, error } = operation
  const message = status === 'failed' ? messageOf(error) : undefined
  return Object.freeze({ id, name, status, parentId, startedAt, endedAt, elapsed, reason, metadata, error: message })
}

function checkId(id: unknown): string {
  if (typeof id !== 'string') throw invalidType('id argument', 'a string', id)
  return id
}

/** The registry of `register: true`. */
export const registry: OperationRegistry = new OperationRegistry()
setDefaultStore(registry[kStore])
