/** The operations of a registry, as the page shows them: a tree as a list in which each parent precedes its children. */
import { reportError } from '../../base/diagnostics.js'
import type { OperationContext, Progress } from '../../base/operation-context.js'
import { printable } from '../../base/printable.js'
import { formatDuration } from '../../base/units.js'
import type { OperationNode, OperationRegistry } from '../../registry/registry.js'
import { toWall } from './clock.js'
import type { EndedView, OperationView, OperationsView } from './protocol.js'
import { plain, short } from './text.js'

/** Operations that are sent to the page: sending more would take longer than sampling. */
const MAX_OPERATIONS = 500
const RECENT = 20

/** The operations of a registry. A registry may be written by the program: its errors must not reach the rest of the page. */
export class Operations {
  readonly #registry: OperationRegistry
  #hasFailed = false

  constructor(registry: OperationRegistry) {
    this.#registry = registry
  }

  /** The registered operations; null if the registry throws, which is reported only the first time. */
  view(): OperationsView | null {
    try {
      const view = viewOf(this.#registry)
      this.#hasFailed = false
      return view
    } catch (error) {
      if (!this.#hasFailed) reportError(error, 'registry')
      this.#hasFailed = true
      return null
    }
  }
}

function viewOf(registry: OperationRegistry): OperationsView {
  const list: OperationView[] = []
  const walk = (nodes: readonly OperationNode[], level: number): void => {
    for (const { operation, children } of nodes) {
      if (list.length >= MAX_OPERATIONS) return
      list.push(toView(operation, level))
      walk(children, level + 1)
    }
  }
  walk(registry.tree(), 1)
  const { active, ended, duration } = registry.statistics()
  const recent = registry.history({ limit: RECENT }).map((each): EndedView => {
    const { id, name = '', status, endedAt, elapsed, reason, error } = each
    return {
      id: short(printable(id)),
      name: short(printable(name)),
      status,
      endedAt: endedAt === undefined ? null : toWall(endedAt),
      elapsed: plain(elapsed),
      why: short(printable(error ?? reason?.message ?? '')),
    }
  })
  return { list, active, ended, p50: plain(duration.p50), p99: plain(duration.p99), recent }
}

function toView(operation: OperationContext, level: number): OperationView {
  const { id, name = '', status, startedAt, deadline, reason, progress } = operation
  return {
    id: short(printable(id)),
    name: short(printable(name)),
    status,
    level,
    startedAt: startedAt === undefined ? null : toTenth(toWall(startedAt)),
    deadline: deadline === undefined || deadline === Infinity ? null : toTenth(toWall(deadline)),
    reason: short(printable(reason?.message ?? '')),
    progress: progressText(progress),
    fraction: plain(progress?.fraction),
  }
}

/** The two clocks cannot be compared exactly, so a difference of milliseconds does not count as a change. */
function toTenth(at: number): number {
  return Math.round(at / 100) * 100
}

/** Whole seconds, and tenths of minutes beyond two. */
function toSeen(ms: number): number {
  const step = ms < 120_000 ? 1000 : 6000
  return Math.round(ms / step) * step
}

function progressText(progress: Progress | undefined): string {
  if (progress === undefined) return ''
  const { message, done, total, eta } = progress
  const amount = done === undefined ? '' : total === undefined ? String(done) : `${done} of ${total}`
  const rest = eta === undefined ? '' : `${formatDuration(toSeen(eta))} left`
  return short(printable([message, amount, rest].filter((each) => each !== '').join(', ')))
}
