/**
 * Sources, targets and the links between them. A link is a node in two lists, so either end can unlink it in O(1).
 */
import type { CancelationReason } from '../base/reason.js'
import { kMark, type Target } from './propagation.js'
import { NO_TERMS, type Term } from './watching.js'

/** What must be polled to notice a cancelation inside code that never yields. */
export const WATCH_DEADLINE: number = 1 << 0
export const WATCH_GUARD: number = 1 << 1
export const WATCH_SHARED: number = 1 << 2

/** Polls all guards. The module of guards sets it when it is loaded, with the first guard. */
export let pollGuards: () => void = () => undefined

export function setPollGuards(poll: () => void): void {
  pollGuards = poll
}

/** Connects one target to one source. */
export abstract class Link {
  // Declared here and set in the constructor: field initializers double the cost of constructing a subclass.
  declare readonly target: Target
  /** The next link of the same target. */
  declare sibling: Link | null

  constructor(target: Target) {
    this.target = target
    this.sibling = null
  }

  /** Starts listening to the source. Returns the reason, if it has one already. Throws if the source cannot be armed. */
  abstract connect(): CancelationReason | null
  /** Stops listening, and runs no user code. May be called at any time, also twice. */
  abstract disconnect(): void
  /** Releases what only user code can release; called after {@link disconnect}, when listeners may be called. */
  close(): void {}
  /** The target has reported its progress, from 0 to 1; undefined if that is not known. */
  progressed(_fraction: number | undefined): void {}
  /** A link of the same kind for another target; null if only its own target can have it. */
  abstract copy(target: Target): Link | null

  /** `WATCH_*` bits of what {@link poll} checks. */
  get watch(): number {
    return 0
  }
  /** Checks what no event can have reported yet, and marks the target if it has happened. */
  poll(): void {}
  /** What makes the source cancel, as far as that can be watched while this thread is blocked. */
  terms(): readonly Term[] {
    return NO_TERMS
  }
}

/** A source that many targets share: a token, an OS signal, a foreign `AbortSignal`, a guard. */
export abstract class Hub {
  head: HubLink | null = null
  tail: HubLink | null = null

  /** The reason for which a target that is added now is canceled at once; null if there is none. */
  abstract current(): CancelationReason | null
  /** See {@link Link.watch}. */
  get watch(): number {
    return 0
  }
  /** Checks what no event can have reported yet, and marks all targets if it has happened. */
  poll(): void {}
  /** See {@link Link.terms}; `link` is the target's own. */
  terms(link: HubLink): readonly Term[]
  terms(): readonly Term[] {
    return NO_TERMS
  }
  /** The first link was added. */
  protected open(): void {}
  /** The last link was removed. */
  protected close(): void {}

  add(link: HubLink): void {
    if (this.tail === null) {
      this.open()
      this.head = link
    } else {
      link.prev = this.tail
      this.tail.next = link
    }
    this.tail = link
  }

  remove(link: HubLink): void {
    const { prev, next } = link
    if (prev === null) {
      if (this.head !== link) return
      this.head = next
    } else {
      prev.next = next
    }
    if (next === null) this.tail = prev
    else next.prev = prev
    link.prev = null
    link.next = null
    if (this.head === null) this.close()
  }

  /** Marks every target. The caller delivers. */
  markAll(reason: CancelationReason): void {
    for (let link = this.head; link !== null; link = this.head) {
      this.remove(link)
      link.target[kMark](reason)
    }
  }
}

/** The hub of a shared source, made on first use. */
export function hubOf<K, H extends Hub>(
  hubs: { get(source: K): H | undefined; set(source: K, hub: H): unknown },
  source: K,
  Made: new (source: K) => H,
): H {
  let hub = hubs.get(source)
  if (hub === undefined) {
    hub = new Made(source)
    hubs.set(source, hub)
  }
  return hub
}

/** A node in the hub's list of targets. */
export class HubLink extends Link {
  declare readonly hub: Hub
  declare prev: HubLink | null
  declare next: HubLink | null

  constructor(hub: Hub, target: Target) {
    super(target)
    this.hub = hub
    this.prev = null
    this.next = null
  }

  connect(): CancelationReason | null {
    const reason = this.hub.current()
    if (reason === null) this.hub.add(this)
    return reason
  }

  disconnect(): void {
    this.hub.remove(this)
  }

  copy(target: Target): Link {
    return new HubLink(this.hub, target)
  }

  override get watch(): number {
    return this.hub.watch
  }

  override poll(): void {
    this.hub.poll()
  }

  override terms(): readonly Term[] {
    return this.hub.terms(this)
  }
}
