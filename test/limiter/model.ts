/** A machine and its load on a clock of their own, for simulations of the policy of limiters. */
import { FIRST_PACE, pace, type Pace } from '../../src/limiter/latency.js'
import { firstState, nextState, type Outlook, type PolicySettings, type PolicyState } from '../../src/limiter/policy.js'

export const SETTINGS: PolicySettings = { min: 1, max: 64, initial: 4, step: 2, interval: 500, factor: 0.5, hold: 1000 }

/** What happens, by the time in milliseconds. */
export interface Scenario {
  readonly settings?: Partial<PolicySettings>
  readonly seconds: number
  /** How many tasks would run if nothing limited them. @default more than the limit */
  readonly demand?: (at: number) => number
  /** What one task takes of the machine, whose capacity is 32. @default 1 */
  readonly weight?: (at: number) => number
  readonly capacity?: (at: number) => number
  /** How long a task takes, in milliseconds. @default 100 */
  readonly duration?: number
  /** What the guard says in place of the model. */
  readonly outlook?: (at: number) => Outlook | undefined
  /** Whether the latency counts, which rises with the load. @default false */
  readonly latency?: boolean
}

export interface Moment {
  readonly at: number
  readonly limit: number
  readonly active: number
  readonly outlook: Outlook
  readonly load: number
}

const TICK = 50
const CAPACITY = 32
/** The guard sees a mean over this time, and is breached if that is crossed for as long as FOR. */
const WINDOW = 500
const FOR = 200

/** Plays a scenario and returns every moment of it. */
export function play(scenario: Scenario): Moment[] {
  const settings = { ...SETTINGS, ...scenario.settings }
  const { demand = () => 1000, weight = () => 1, capacity = () => CAPACITY, duration = 100 } = scenario
  const moments: Moment[] = []
  let state: PolicyState = firstState(settings, 0)
  let speed: Pace = FIRST_PACE
  let active = 0
  let crossedFrom = Infinity
  let breached = false
  let used = -Infinity
  for (let at = 0; at <= scenario.seconds * 1000; at += TICK) {
    // Tasks end evenly, and nothing above the limit begins.
    const left = active - Math.max(active > 0 ? 0.2 : 0, (active * TICK) / duration)
    active = Math.max(0, left, Math.min(state.limit, demand(at)))
    const load = active * weight(at)
    const window = [...moments.slice(-WINDOW / TICK + 1).map((each) => each.load), load]
    const mean = window.reduce((sum, each) => sum + each, 0) / window.length
    const wasBreached = breached
    if (mean > capacity(at)) {
      crossedFrom = Math.min(crossedFrom, at)
      if (at - crossedFrom >= FOR) breached = true
    } else {
      crossedFrom = Infinity
      if (mean < capacity(at) * 0.95) breached = false
    }
    const own: Outlook = breached ? 'breached' : crossedFrom < Infinity ? 'wary' : 'clear'
    const outlook = scenario.outlook?.(at) ?? own
    if (active >= state.limit) used = at
    if (at % settings.interval === 0 && scenario.latency === true) {
      speed = pace(speed, duration * Math.max(1, load / capacity(at)), 1)
    }
    const isUsed = at - used <= settings.interval && active > 0
    const broke = outlook === 'breached' && (!wasBreached || scenario.outlook !== undefined)
    state = nextState(settings, state, { now: at, active, used: isUsed, outlook, broke, slow: speed.slow })
    moments.push({ at, limit: state.limit, active, outlook, load })
  }
  return moments
}

/** The moments from one second to another. */
export function between(moments: readonly Moment[], from: number, to: number): Moment[] {
  return moments.filter(({ at }) => at >= from * 1000 && at <= to * 1000)
}

/** The limits that follow each other. */
export function changesOf(moments: readonly Moment[]): { at: number; from: number; to: number }[] {
  return moments.flatMap(({ at, limit }, index) => {
    const from = moments[index - 1]?.limit ?? limit
    return from === limit ? [] : [{ at, from, to: limit }]
  })
}

export const cutsOf = (moments: readonly Moment[]): ReturnType<typeof changesOf> =>
  changesOf(moments).filter(({ from, to }) => to < from)
