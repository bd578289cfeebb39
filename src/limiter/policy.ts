/**
 * How the limit moves: pure functions of a state, the time and what is seen. Additive up while the guards are clear and the
 * limit is used; multiplicative down on a breach.
 */

/** The checked numbers of the options. Times are in milliseconds. */
export interface PolicySettings {
  readonly min: number
  readonly max: number
  readonly initial: number
  /** What is added at once. */
  readonly step: number
  /** The shortest time between two additions. */
  readonly interval: number
  /** What a breach multiplies the limit by. */
  readonly factor: number
  /** How long a cut may take to show before the next one, and how long the guards must be clear before the limit grows. */
  readonly hold: number
}

/**
 * All guards together. `wary`: one of them is about to be breached, or is not clear for long enough yet. `unknown`: none is
 * breached, but one has lost its metric.
 */
export type Outlook = 'clear' | 'wary' | 'breached' | 'unknown'

/** What is seen at one moment. */
export interface Observation {
  readonly now: number
  /** Slots in use. */
  readonly active: number
  /** Whether all slots were in use at some time since the last observation. */
  readonly used: boolean
  readonly outlook: Outlook
  /** Whether a guard was breached since the last observation, even if that is over. */
  readonly broke: boolean
  /** Whether tasks take much longer than they used to. Only stops growth. */
  readonly slow: boolean
}

/** What is remembered between two observations. */
export interface PolicyState {
  readonly limit: number
  /** The limit was cut, and more than that is still running, so that the cut has not begun to show. */
  readonly settling: boolean
  /** No cut before this time. */
  readonly cutFrom: number
  /** No growth before this time. */
  readonly growFrom: number
  /** The load at the last breach, near which the limit grows slowly; 0 for none. */
  readonly knee: number
}

/** By this factor, growth is slower near the load at which the guards were breached last. */
const NEAR_KNEE_SLOWER = 4
/** Near begins at this part of that load. */
const NEAR_KNEE = 0.75

/** The state at the start. */
export function firstState({ initial, interval }: PolicySettings, now: number): PolicyState {
  return { limit: initial, settling: false, cutFrom: -Infinity, growFrom: now + interval, knee: 0 }
}

/** The next state. It is the same object if nothing changes. */
export function nextState(settings: PolicySettings, before: PolicyState, seen: Observation): PolicyState {
  const { now, active, outlook } = seen
  let state = before
  if (state.settling && active <= state.limit) {
    state = { ...state, settling: false, cutFrom: now + settings.hold }
  }
  if (outlook === 'breached' || seen.broke) {
    if (!state.settling && now >= state.cutFrom && state.limit > settings.min) state = cut(settings, state, seen)
    return postpone(state, now + settings.hold)
  }
  // It has been crossed or has just recovered, so adding now would be too early to judge.
  if (outlook === 'wary') return postpone(state, now + settings.interval)
  return canGrow(settings, state, seen) ? grow(settings, state, now) : state
}

/**
 * When to ask for the next state although nothing has happened meanwhile; `Infinity` for never. Only a breach makes that
 * necessary: for growth, the caller asks once per `interval` while the limit is used.
 */
export function nextCut({ min }: PolicySettings, state: PolicyState, outlook: Outlook): number {
  return outlook === 'breached' && !state.settling && state.limit > min ? state.cutFrom : Infinity
}

/** The limit may be far above what runs: half of a limit that is not used is no relief, so the running tasks count. */
function cut(
  { min, factor, hold }: PolicySettings,
  state: PolicyState,
  { now, active, used }: Observation,
): PolicyState {
  const { limit } = state
  const load = used ? limit : Math.min(limit, active)
  // But a breach that comes from elsewhere must not take all: at most the square of the factor at once.
  const base = Math.max(load, limit * factor)
  const next = Math.max(min, Math.min(limit - 1, Math.floor(base * factor)))
  const settling = active > next
  return { limit: next, settling, cutFrom: now + hold, growFrom: now + hold, knee: used ? limit : state.knee }
}

function postpone(state: PolicyState, until: number): PolicyState {
  return state.growFrom >= until ? state : { ...state, growFrom: until }
}

function canGrow(
  { max, initial }: PolicySettings,
  { limit, growFrom, settling }: PolicyState,
  seen: Observation,
): boolean {
  if (!seen.used || seen.slow || settling || seen.now < growFrom) return false
  // What was given for the start is what may run without any knowledge.
  return limit < (seen.outlook === 'unknown' ? Math.min(initial, max) : max)
}

function grow({ max, step, interval }: PolicySettings, state: PolicyState, now: number): PolicyState {
  const { limit, knee } = state
  const isNear = limit >= knee * NEAR_KNEE && limit <= knee
  const next = Math.min(max, limit + step)
  // Far below the knee a large step must not pass the slow part.
  const stopped = limit < knee * NEAR_KNEE ? Math.min(next, Math.max(limit + 1, Math.ceil(knee * NEAR_KNEE))) : next
  const isPast = stopped > knee
  return {
    ...state,
    limit: stopped,
    growFrom: now + interval * (isNear ? NEAR_KNEE_SLOWER : 1),
    knee: isPast ? 0 : knee,
  }
}
