/** The families of guards and of limiters. */
import { kLimits, type Guard, type GuardState } from '../../monitor/guard.js'
import type { ParsedLimit } from '../../monitor/limits.js'
import { selectorOf } from '../../monitor/selectors.js'
import { SELECTORS } from '../../addon/metrics.js'
import type { Limiter } from '../../limiter/limiter.js'
import { PLAIN, dotted, unitOf } from './names.js'
import { selectorLabels, windowLabel } from './readings.js'
import { wellFormed, type Family, type Labels } from './families.js'

const STATES: readonly GuardState[] = ['clear', 'pending', 'breached', 'clearing', 'unavailable']

export function guardFamilies(guards: readonly Guard[]): Family[] {
  if (guards.length === 0) return []
  return [
    {
      id: 'guard.state',
      type: 'gauge',
      unit: PLAIN,
      help: '1 for the state that the guard is in, 0 for the others; 0 for all once it is closed.',
      labels: ['guard', 'state'],
      read: (emit) => {
        for (const guard of guards) {
          const state = guard.closed ? undefined : guard.state
          for (const each of STATES) emit({ guard: wellFormed(guard.name), state: each }, each === state ? 1 : 0)
        }
      },
    },
    {
      id: 'guard.breaches',
      type: 'counter',
      unit: PLAIN,
      help: 'Breaches since the guard was made.',
      labels: ['guard'],
      read: (emit) => {
        for (const guard of guards) emit({ guard: wellFormed(guard.name) }, guard.breachCount)
      },
    },
    ...limitFamilies(guards),
  ]
}

/** One family per metric, because their units differ: `tripline_memory_limit_ratio` is beside `tripline_memory_ratio`. */
function limitFamilies(guards: readonly Guard[]): Family[] {
  const lines = guards.flatMap((guard) => {
    const known = new Map<string, number>()
    return guard[kLimits].map((limit) => ({ guard, limit, labels: numbered(labelsOf(guard, limit), limit, known) }))
  })
  return [...new Set(lines.map(({ limit }) => limit.info))].map((info) => {
    const unit = unitOf(info)
    const own = lines.filter(({ limit }) => limit.info === info)
    return {
      id: `${dotted(info.name)}.limit`,
      type: 'gauge',
      unit,
      help: `The limit of a guard on the metric ${info.name}.`,
      labels: ['guard', 'direction', 'window', 'number', ...SELECTORS[info.scope]],
      read: (emit) => {
        for (const { guard, limit, labels } of own) if (!guard.closed) emit(labels, limit.enter / unit.divisor)
      },
    }
  })
}

function labelsOf(guard: Guard, { info, series, direction }: ParsedLimit): Labels {
  return {
    guard: wellFormed(guard.name),
    direction,
    ...windowLabel(info, series),
    ...selectorLabels(selectorOf(info.scope, series)),
  }
}

/** A guard may have several limits that only differ in what they are: the second one is number 2. */
function numbered(labels: Labels, { info }: ParsedLimit, known: Map<string, number>): Labels {
  const key = JSON.stringify([info.name, labels])
  const number = (known.get(key) ?? 0) + 1
  known.set(key, number)
  return number === 1 ? labels : { ...labels, number: String(number) }
}

export function limiterFamilies(limiters: readonly Limiter[]): Family[] {
  if (limiters.length === 0) return []
  const family = (id: 'limit' | 'active' | 'waiting', help: string): Family => ({
    id: `limiter.${id}`,
    type: 'gauge',
    unit: PLAIN,
    help,
    labels: ['limiter'],
    read: (emit) => {
      for (const each of limiters) if (!each.closed) emit({ limiter: wellFormed(each.name) }, each[id])
    },
  })
  return [
    family('limit', 'How many functions may run at the same time.'),
    family('active', 'Functions that run.'),
    family('waiting', 'Functions that wait for a slot.'),
  ]
}
