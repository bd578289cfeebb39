/**
 * A registered operation: a node in the list of its registry. It is a link of the operation, so that it is connected at the
 * start with everything else; a registry that refuses it makes the start fail with nothing armed.
 */
import { invalidType } from '../base/errors.js'
import type { CancelationError } from '../base/cancelation-error.js'
import { kContext, type OperationContext, type OperationStatus } from '../base/operation-context.js'
import type { CancelationReason } from '../base/reason.js'
import { Link } from '../engine/link.js'
import { addEndNode } from './ended.js'
import type { EndNode } from './extras.js'
import { cancelWith, observeStarts } from './lifecycle.js'
import { prependLink } from './links.js'
import {
  endedAtOf,
  errorOf,
  extrasOf,
  kExtras,
  kFirstChild,
  kFlags,
  kLinks,
  kParent,
  kReason,
  kStartedAt,
  kStatus,
  type Operation,
} from './operation.js'
import { CANCELED, ENDED, PENDING, RUNNING, STARTED, STATUS } from './state.js'

export const kStore: unique symbol = Symbol('tripline.store')

/** Where a registry keeps its registrations: called when its operations start, change their stage and end. */
export interface RegistryStore {
  /** @throws DuplicateIdError */
  add(registration: Registration): void
  remove(registration: Registration): void
  /** Its stage has changed. */
  moved(registration: Registration, from: number): void
  /** It has ended, and is to be removed. Must not throw. */
  ended(registration: Registration): void
}

/** A registry of operations: `registry`, or another `OperationRegistry` of `tripline/registry`. */
export interface Registrar {
  /** @internal */
  readonly [kStore]?: RegistryStore
  /** How many operations are registered. */
  readonly size: number
}

/** The default registry; null until `tripline/registry` is loaded. */
let defaultStore: RegistryStore | null = null

export function setDefaultStore(store: RegistryStore): void {
  defaultStore = store
}

export class Registration extends Link implements EndNode {
  declare readonly store: RegistryStore
  declare readonly operation: Operation
  declare previous: Registration | null
  declare next: Registration | null
  declare nextEnd: EndNode | null
  /** `PENDING`, `RUNNING` or `CANCELED`, which an operation that has ended keeps. */
  declare stage: number
  /** Whether it is in the list. */
  declare listed: boolean
  /** Registered before its start, so that it stays if the start fails. */
  declare early: boolean
  declare watching: boolean
  /** For the registry: what it publishes of the operation. */
  declare trace: object | null

  constructor(store: RegistryStore, operation: Operation) {
    super(operation)
    this.store = store
    this.operation = operation
    this.previous = null
    this.next = null
    this.nextEnd = null
    this.stage = PENDING
    this.listed = false
    this.early = false
    this.watching = false
    this.trace = null
  }

  get context(): OperationContext {
    return this.operation[kContext]
  }

  get reason(): CancelationReason | null {
    return this.operation[kReason]
  }

  get status(): OperationStatus {
    return STATUS[this.operation[kStatus]]!
  }

  /** In milliseconds; undefined without a start. */
  get elapsed(): number | undefined {
    const startedAt = this.operation[kStartedAt]
    const endedAt = endedAtOf(this.operation)
    return startedAt === undefined || endedAt === undefined ? undefined : endedAt - startedAt
  }

  get error(): CancelationError {
    return errorOf(this.operation)
  }

  /** The id, if it was given or has been read; no other code can know one that was not. */
  get knownId(): string | undefined {
    return this.operation[kExtras]?.id
  }

  cancel(reason: CancelationReason): boolean {
    return cancelWith(this.operation, reason)
  }

  /** Calls the body of the operation by `around`. */
  surround(around: (body: () => unknown) => unknown): void {
    extrasOf(this.operation).around = around
  }

  /** Puts it into the list. @throws DuplicateIdError */
  list(): void {
    this.store.add(this)
    this.listed = true
    if (this.watching) return
    this.watching = true
    addEndNode(this.operation, this)
  }

  /** The operation starts. */
  connect(): null {
    this.#move(RUNNING)
    if (!this.listed && !this.early) this.list()
    return null
  }

  disconnect(): void {
    const operation = this.operation
    if ((operation[kFlags] & ENDED) !== 0 || !this.listed) return
    if (operation[kReason] !== null) {
      this.#move(CANCELED)
      // Nothing is left that could end it.
      if ((operation[kFlags] & STARTED) === 0) this.ended()
    } else if (this.early) {
      this.#move(PENDING)
    } else {
      this.leave()
    }
  }

  leave(): void {
    if (!this.listed) return
    this.listed = false
    this.store.remove(this)
  }

  ended(): void {
    if (!this.listed) return
    this.listed = false
    this.store.ended(this)
  }

  /** Only the operation itself is registered, as its id and name stay with it. */
  copy(): null {
    return null
  }

  #move(stage: number): void {
    const from = this.stage
    this.stage = stage
    if (this.listed && from !== stage) this.store.moved(this, from)
  }
}

/** The option `register`: registers the operation when it starts. */
export function registerAtStart(operation: Operation, value: unknown): void {
  if (value === false) return
  const store = value === true ? defaultStore : storeOf(value)
  if (store === null) {
    throw invalidType('register', "a registry, or true after an import of 'tripline/registry'", value)
  }
  linkOnce(operation, store)
}

function storeOf(value: unknown): RegistryStore | null {
  return typeof value === 'object' && value !== null ? ((value as Registrar)[kStore] ?? null) : null
}

function linkOnce(operation: Operation, store: RegistryStore): void {
  if (linkOf(store, operation) === undefined) prependLink(operation, new Registration(store, operation))
}

function linkOf(store: RegistryStore, operation: Operation): Registration | undefined {
  for (let link = operation[kLinks]; link !== null; link = link.sibling) {
    if (link instanceof Registration && link.store === store) return link
  }
  return undefined
}

/**
 * Registers an operation that has not ended, now; one that is registered there already stays so.
 *
 * @throws DuplicateIdError
 */
export function registerNow(store: RegistryStore, operation: Operation): Registration {
  const there = registrationOf(store, operation)
  if (there !== undefined) return there
  const linked = linkOf(store, operation)
  const registration = linked ?? new Registration(store, operation)
  registration.early = (operation[kFlags] & STARTED) === 0
  registration.stage = operation[kReason] !== null ? CANCELED : registration.early ? PENDING : RUNNING
  registration.list()
  if (operation[kReason] === null && linked === undefined) prependLink(operation, registration)
  return registration
}

/** The listed registration of an operation. */
export function registrationOf(store: RegistryStore, operation: Operation): Registration | undefined {
  for (let node = operation[kExtras]?.ends ?? null; node !== null; node = node.nextEnd) {
    if (node instanceof Registration && node.store === store && node.listed) return node
  }
  return undefined
}

/** The value as an operation; undefined for anything else. */
export function asOperation(value: unknown): Operation | undefined {
  return typeof value === 'object' && value !== null && kFirstChild in value ? (value as Operation) : undefined
}

export function hasEnded(operation: Operation): boolean {
  return (operation[kFlags] & ENDED) !== 0
}

/** The nearest ancestor for which `found` returns a value. */
export function findAncestor<T>(operation: Operation, found: (ancestor: Operation) => T | undefined): T | undefined {
  for (let each = operation[kParent]; each !== null; each = each[kParent]) {
    const value = found(each)
    if (value !== undefined) return value
  }
  return undefined
}

/** The stores that register everything, each with the number of calls that have asked for it. */
const observers = new Map<RegistryStore, number>()
let endObserving: (() => void) | undefined

/** Registers every operation that starts from now on; returns a function that ends that. */
export function registerAll(store: RegistryStore): () => void {
  observers.set(store, (observers.get(store) ?? 0) + 1)
  endObserving ??= observeStarts(observe)
  let isOver = false
  return () => {
    if (isOver) return
    isOver = true
    const left = observers.get(store)! - 1
    if (left > 0) observers.set(store, left)
    else observers.delete(store)
    if (observers.size > 0) return
    endObserving?.()
    endObserving = undefined
  }
}

function observe(operation: Operation): void {
  for (const store of observers.keys()) linkOnce(operation, store)
}
