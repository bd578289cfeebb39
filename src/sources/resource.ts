/** A guard as a source: one listener per guard, shared. */
import { outsideContexts } from '../base/async-context.js'
import { reportError } from '../base/diagnostics.js'
import { ofThisCopy } from '../base/copies.js'
import { invalidType, invalidValue } from '../base/errors.js'
import { edgeCount } from '../addon/board.js'
import { Guard, isGuard, kFlag, kLatestReason } from '../monitor/guard.js'
import { namesOf, parseLimits, type Limits } from '../monitor/limits.js'
import { acquireGuard, releaseGuard } from '../monitor/shared-guards.js'
import type { CancelationReason } from '../base/reason.js'
import { Hub, HubLink, hubOf, Link, setPollGuards, WATCH_GUARD } from '../engine/link.js'
import { BuiltInSource, kLink } from './source.js'
import { deliver, deliverLater, kMark, type Target } from '../engine/propagation.js'
import { NO_TERMS, TEST_GUARD, type Term } from '../engine/watching.js'

class GuardHub extends Hub {
  readonly guard: Guard
  #subscriptions: Disposable[] = []

  constructor(guard: Guard) {
    super()
    this.guard = guard
  }

  current(): CancelationReason | null {
    return this.guard.isBreached && !this.guard.dryRun ? this.guard[kLatestReason]() : null
  }

  protected override open(): void {
    if (this.guard.dryRun) return
    // Shared by all operations of this guard, so outside of the async context of each.
    this.#subscriptions = outsideContexts(() => [
      this.guard.on('breach', () => {
        this.poll()
        deliver()
      }),
      // Operations that depend on the guard continue unguarded, which must be reported.
      this.guard.on('unavailable', (error) => reportError(error, 'guard', this.guard.name)),
    ])
    active.add(this)
  }
  protected override close(): void {
    active.delete(this)
    for (const each of this.#subscriptions.splice(0)) each[Symbol.dispose]()
  }

  /** Marks all targets that were added before the latest breach. */
  override poll(): void {
    const count = this.guard.breachCount
    // In the order of arrival: the first link that was added after this breach, and all links behind it, are
    // unaffected.
    for (let link = this.head as BreachLink | null; link !== null && link.armedAt !== count;) {
      this.remove(link)
      link.target[kMark](this.guard[kLatestReason]())
      link = this.head as BreachLink | null
    }
  }
}

/** The hubs with links. */
const active = new Set<GuardHub>()
let seenEdges = 0

/**
 * For code that never yields: one word of shared memory says whether any guard has crossed a line since the last poll.
 * Only then are the guards polled. Listeners are notified later.
 */
function pollGuards(): void {
  const edges = edgeCount()
  if (edges === seenEdges) return
  seenEdges = edges
  for (const hub of active) hub.poll()
  deliverLater()
}
setPollGuards(pollGuards)

const hubs = new WeakMap<Guard, GuardHub>()

class BreachLink extends HubLink {
  /** How often the guard had breached when the link was made. */
  armedAt: number = 0
}

/** The link of one target to a guard of its own choice, or to the one that it shares with equal limits. */
class ResourceLink extends Link {
  readonly #resources: Limits | Guard
  #link: BreachLink | undefined

  constructor(resources: Limits | Guard, target: Target) {
    super(target)
    this.#resources = resources
  }

  connect(): CancelationReason | null {
    const guard = this.#resources instanceof Guard ? this.#resources : acquireGuard(this.#resources)
    if (guard.closed) throw invalidValue('resources', 'a guard that is not closed', guard)
    const link = new BreachLink(hubOf(hubs, guard, GuardHub), this.target)
    // Before reading the state: a breach in between is then found by the next poll.
    link.armedAt = guard.breachCount
    this.#link = link
    return link.connect()
  }

  disconnect(): void {
    const link = this.#link
    if (link === undefined) return
    this.#link = undefined
    link.disconnect()
    if (!(this.#resources instanceof Guard)) releaseGuard((link.hub as GuardHub).guard)
  }

  copy(target: Target): Link {
    return new ResourceLink(this.#resources, target)
  }

  override get watch(): number {
    return WATCH_GUARD
  }

  override terms(): readonly Term[] {
    const link = this.#link
    if (link === undefined) return NO_TERMS
    const { guard } = link.hub as GuardHub
    if (guard.dryRun || guard.closed) return NO_TERMS
    return [[{ kind: TEST_GUARD, value: guard[kFlag], except: link.armedAt }]]
  }
}

/** Cancels when one of the limits is crossed; operations with equal limits share one guard. */
export class ResourceSource extends BuiltInSource {
  /** The limits, or the guard. */
  readonly resources: Limits | Guard

  /**
   * Makes a source of limits or of a guard; limits are first watched when an operation starts, which fails with
   * MetricUnavailableError where this machine lacks a metric.
   *
   * @throws TypeError, RangeError as `guard()` does for bad input
   */
  constructor(resources: Limits | Guard) {
    super()
    this.resources = checkResources(resources)
  }

  /** The guard's name, or those of the metrics and conditions. */
  get name(): string {
    return this.resources instanceof Guard ? this.resources.name : namesOf(parseLimits(this.resources))
  }

  /** @internal */
  [kLink](target: Target): Link {
    return resourceLink(this.resources, target)
  }
}

/** @internal */
export function resourceLink(resources: Limits | Guard, target: Target): Link {
  return new ResourceLink(resources, target)
}

/**
 * The limits or the guard of an option that has another name as well.
 *
 * @throws TypeError `ERR_INVALID_ARG_VALUE` for both names at once, unless they have the same value
 * @internal
 */
export function resourcesOf<O extends string>(
  options: { readonly resources?: Limits | Guard | undefined } & { readonly [K in O]?: Limits | Guard | undefined },
  other: O,
): Limits | Guard | undefined {
  const { resources } = options
  const named = options[other]
  if (resources !== undefined && named !== undefined && resources !== named) {
    throw invalidValue('resources', `left out where '${other}' is given, which is another name of it`, resources)
  }
  return resources ?? named
}

/** @internal */
export function checkResources(resources: Limits | Guard, name: string = 'resources'): Limits | Guard {
  if (isGuard(resources)) return resources
  if (resources instanceof Guard) throw invalidType(name, 'limits, or a guard itself', resources)
  const foreign = ofThisCopy(resources)
  if (foreign !== '') throw invalidType(name, `limits, or a guard${foreign}`, resources)
  parseLimits(resources)
  return resources
}
