/** The options of a guard and their checks. */
import { invalidChoice, invalidType, invalidValue } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import { parseDuration, parsePeriod, type Duration } from '../base/units.js'
import { parseEvidence, type EvidenceFolder, type EvidenceKind, type EvidenceSettings } from '../evidence/options.js'

/** The options of a guard, all optional. */
export interface GuardOptions {
  /**
   * The longest time until a crossing is noticed, if the source of the metric allows it. A share over time that is far from
   * its line is read less often, because its mean cannot reach the line any sooner. @default 100 ms
   */
  within?: Duration | undefined
  /** A fixed time between reads instead of the adaptive one; not together with `within`. @default none */
  interval?: Duration | undefined
  /** Whether it is breached while any limit is, or only while all limits are. @default 'any' */
  mode?: 'any' | 'all' | undefined
  /** How long a breach lasts at least. @default 0 */
  minHold?: Duration | undefined
  /** Whether it only watches and reports, and cancels nothing. @default false */
  dryRun?: boolean | undefined
  /**
   * What to write to `evidenceFolder` when it is breached: `stack`, `profile`, `snapshot`, `report`. The event `evidence`
   * follows with the names of the files. @default nothing
   */
  evidence?: readonly EvidenceKind[] | undefined
  /** The folder for the evidence, which must exist; an object also has the bounds of what is kept there. @default none */
  evidenceFolder?: string | EvidenceFolder | undefined
  /** Its name in reasons, messages and diagnostics. @default the names of its metrics and conditions */
  name?: string | undefined
}

const OPTION_KEYS = ['within', 'interval', 'mode', 'minHold', 'dryRun', 'evidence', 'evidenceFolder', 'name']
const DEFAULT_WITHIN_MS = 100

/** The options of a guard, checked; times in milliseconds. @internal */
export interface GuardSettings {
  readonly all: boolean
  readonly within: number
  /** 0 for none. */
  readonly interval: number
  readonly minHold: number
  readonly name: string | undefined
  readonly evidence: EvidenceSettings | undefined
}

/** @internal */
export function parseOptions(options: GuardOptions): GuardSettings {
  readOptions(options, 'guard option', OPTION_KEYS)
  const { within, interval, mode = 'any', minHold, dryRun, evidence, evidenceFolder, name } = options
  if (within !== undefined && interval !== undefined) {
    throw invalidValue('interval', "left out where 'within' is given", interval)
  }
  if (mode !== 'any' && mode !== 'all') throw invalidChoice('mode', ['any', 'all'], mode)
  if (dryRun !== undefined && typeof dryRun !== 'boolean') throw invalidType('dryRun', 'true or false', dryRun)
  if (name !== undefined && typeof name !== 'string') throw invalidType('name', 'a string', name)
  return {
    all: mode === 'all',
    within: parsePeriod(within ?? DEFAULT_WITHIN_MS, 'within'),
    interval: interval === undefined ? 0 : parsePeriod(interval, 'interval'),
    minHold: minHold === undefined ? 0 : parseDuration(minHold, 'minHold'),
    name,
    evidence:
      evidence === undefined && evidenceFolder === undefined ? undefined : parseEvidence(evidence, evidenceFolder),
  }
}
