/** The guards that the page shows, and the latest of their breaches. */
import { observeGuards } from '../../addon/sampler.js'
import { printable } from '../../base/printable.js'
import type { Breach } from '../../base/reason.js'
import { formatDuration, formatLine } from '../../base/units.js'
import type { Evidence } from '../../evidence/collector.js'
import { selectedText } from '../../monitor/metric-text.js'
import { describeBreach, metricOf } from '../../monitor/breach.js'
import { isGuard, kLimits, kRules, type Guard } from '../../monitor/guard.js'
import type { ParsedLimit } from '../../monitor/limits.js'
import { toWall } from './clock.js'
import type { Column, History } from './history.js'
import type { BreachView, EvidenceView, GuardView, Line, Proof } from './protocol.js'
import { plain, short } from './text.js'

/** Guards that are sent to the page, which gets only the number of the others. */
const MAX_GUARDS = 100
/** Metrics that are added because a guard watches them. */
const MAX_COLUMNS = 60
const MAX_BREACHES = 50
const MAX_PROOFS = 8
const MAX_RECENT = 60
const MAX_FRAMES = 12

interface Shown {
  readonly key: number
  readonly guard: Guard
  readonly ends: readonly Disposable[]
  /** By limit; undefined where there is no column. */
  columns: readonly (Column | undefined)[]
}

interface Entry {
  readonly key: number
  readonly guardKey: number
  readonly guard: string
  readonly dryRun: boolean
  /** Which breach of the guard it is. */
  readonly count: number
  /** On the wall clock, computed once: computed again, it would differ slightly and be sent each time. */
  readonly since: number
  readonly at: number
  /** The breach that the event named, by which evidence is recognized. */
  first: Breach | undefined
  proofs: readonly Proof[]
  until: number | undefined
  evidence: readonly EvidenceView[] | undefined
}

/** Follows guards until it is disposed of. */
export class Guards implements Disposable {
  readonly #history: History
  readonly #changed: () => void
  readonly #shown = new Map<Guard, Shown>()
  readonly #byId = new Map<number, Guard>()
  readonly #breaches: Entry[] = []
  readonly #end: () => void
  #keys = 0

  /**
   * @param guards undefined for all of this thread, also those that are made later
   * @param changed called after a breach, its end, or its evidence
   */
  constructor(history: History, guards: readonly Guard[] | undefined, changed: () => void) {
    this.#history = history
    this.#changed = changed
    if (guards === undefined) {
      this.#end = observeGuards((id, found) => this.#observe(id, found))
    } else {
      this.#end = () => undefined
      for (const each of guards) this.#show(each)
    }
  }

  [Symbol.dispose](): void {
    this.#end()
    for (const each of this.#shown.values()) this.#hide(each)
  }

  /** Forgets guards that were closed. Called before the views are taken. */
  sweep(): void {
    for (const each of this.#shown.values()) if (each.guard.closed) this.#hide(each)
  }

  views(): GuardView[] {
    const { columns } = this.#history
    return [...this.#shown.values()].map(({ key, guard, columns: own }) => {
      const { all, conditions } = guard[kRules]
      return {
        key,
        name: short(printable(guard.name)),
        state: guard.state,
        dryRun: guard.dryRun,
        all,
        breaches: guard.breachCount,
        rules: [
          ...guard[kLimits].map((limit, index) => {
            const column = own[index]
            return { text: short(limitText(limit)), column: column === undefined ? null : columns.indexOf(column) }
          }),
          ...conditions.map(({ name, for: dwell }) => ({
            text: short(
              `${printable(name)} holds${dwell === 0 ? '' : `, failing for ${formatDuration(dwell)} at most`}`,
            ),
            column: null,
          })),
        ],
      }
    })
  }

  breaches(): BreachView[] {
    return this.#breaches.toReversed().map(toBreachView)
  }

  /** The lines that guards draw on a metric. */
  linesOf(column: Column): Line[] {
    return [...this.#shown.values()].flatMap(({ guard, columns }) =>
      guard[kLimits].flatMap((limit, index) =>
        columns[index] === column
          ? [
              {
                guard: short(printable(guard.name)),
                direction: limit.direction,
                value: limit.enter,
                text: lineText(limit),
              },
            ]
          : [],
      ),
    )
  }

  /** Called from the constructor of a guard: must not throw, and must not ask the guard for its state. */
  #observe(id: number, found: unknown): void {
    if (isGuard(found)) {
      this.#byId.set(id, found)
      this.#show(found)
      return
    }
    const guard = this.#byId.get(id)
    this.#byId.delete(id)
    const shown = guard && this.#shown.get(guard)
    // A test that begins or ends to play values to a guard gives it another number.
    if (shown !== undefined && ![...this.#byId.values()].includes(guard!)) this.#hide(shown)
  }

  #show(guard: Guard): void {
    if (this.#shown.has(guard) || this.#shown.size >= MAX_GUARDS || guard.closed) return
    const key = ++this.#keys
    const shown: Shown = {
      key,
      guard,
      columns: [],
      ends: [
        guard.on('breach', (breach) => this.#add(shown, breach)),
        guard.on('clear', () => this.#over(key)),
        guard.on('evidence', (evidence) => this.#attach(key, evidence)),
      ],
    }
    this.#shown.set(guard, shown)
    shown.columns = guard[kLimits].map((limit) => this.#columnOf(limit))
  }

  /** Shows what was breached before this began; not in the constructor of the guard. */
  catchUp(): void {
    for (const shown of this.#shown.values()) {
      if (shown.guard.isBreached) this.#add(shown, undefined)
    }
  }

  #columnOf({ series }: ParsedLimit): Column | undefined {
    if (this.#history.columns.length >= MAX_COLUMNS) return undefined
    try {
      return this.#history.add(series)
    } catch {
      // The sampling thread cannot be started; the guard itself reports that.
      return undefined
    }
  }

  #hide(shown: Shown): void {
    const { guard, key, ends, columns } = shown
    this.#shown.delete(guard)
    for (const each of ends) each[Symbol.dispose]()
    for (const each of columns) if (each !== undefined) this.#history.drop(each)
    this.#over(key)
  }

  #add({ key, guard }: Shown, first: Breach | undefined): void {
    const found = guard.breaches
    const breaches = found.length > 0 ? found : first === undefined ? [] : [first]
    if (breaches.length === 0) return
    const count = guard.breachCount
    const latest = this.#breaches.findLast((each) => each.guardKey === key)
    if (latest?.count === count) {
      // The breach was there before the guard was shown, and is reported now.
      latest.first ??= first
      return
    }
    // A breach that ended and began again within one turn of the event loop is reported once.
    this.#over(key)
    this.#breaches.push({
      key: ++this.#keys,
      count,
      guardKey: key,
      guard: short(printable(guard.name)),
      dryRun: guard.dryRun,
      since: toWall(Math.min(...breaches.map(({ since }) => since))),
      at: toWall(Math.min(...breaches.map(({ at }) => at))),
      first,
      proofs: breaches.slice(0, MAX_PROOFS).map(toProof),
      until: undefined,
      evidence: undefined,
    })
    if (this.#breaches.length > MAX_BREACHES) this.#breaches.shift()
    this.#changed()
  }

  #over(guardKey: number): void {
    const entry = this.#breaches.findLast((each) => each.guardKey === guardKey)
    if (entry === undefined || entry.until !== undefined) return
    entry.until = Date.now()
    this.#changed()
  }

  #attach(guardKey: number, { breach, items }: Evidence): void {
    const entry = this.#breaches.findLast((each) => each.guardKey === guardKey && each.first === breach)
    if (entry === undefined) return
    entry.evidence = items.map((item) =>
      'file' in item
        ? { kind: item.kind, file: short(printable(item.file), 1000) }
        : { kind: item.kind, why: short(printable(item.error.message)) },
    )
    this.#changed()
  }
}

function toBreachView({ key, guardKey, guard, dryRun, since, at, until, proofs, evidence }: Entry): BreachView {
  const view = { key, guardKey, guard, dryRun, since, at, until: until ?? null, proofs }
  return evidence === undefined ? view : { ...view, evidence }
}

/** `memory > 90.0% for 2s`. */
function limitText(limit: ParsedLimit): string {
  return `${selectedText(limit)} ${lineText(limit)}`
}

function lineText({ info, direction, enter, for: dwell }: ParsedLimit): string {
  return `${direction === 'above' ? '>' : '<'} ${formatLine(enter, info.unit)}${dwell === 0 ? '' : ` for ${formatDuration(dwell)}`}`
}

function toProof(breach: Breach): Proof {
  const { unit, value, limit, origin, recent, stack } = breach
  return {
    text: short(describeBreach(breach), 500),
    metric: short(printable(metricOf(breach))),
    unit,
    value: plain(value),
    limit: plain(limit),
    origin: short(printable(origin)),
    recent: recent.slice(-MAX_RECENT).map(plain),
    ...(stack && {
      stack: stack.slice(0, MAX_FRAMES).map(({ function: name, file, line, column }) => ({
        function: short(printable(name)),
        file: short(printable(file)),
        line,
        column,
      })),
    }),
  }
}
