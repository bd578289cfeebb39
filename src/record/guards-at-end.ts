/** The guards of a recorded process: their limits, and their states at the end. */
import { findMetric } from '../addon/metrics.js'
import { formatDuration, formatLine } from '../base/units.js'
import type { GUARD_STATES } from './format.js'
import { isObject, numberOf, textOf } from './info.js'
import type { RecordedFile } from './reader.js'

/** A guard of a recorded process. */
export interface GuardAtEnd {
  /** Its name; empty if that is not known. */
  readonly name: string
  /** Its limits as text: `'memory > 90.0% for 1s'`. */
  readonly limits: readonly string[]
  /** Whether it is breached only while all limits are. */
  readonly all: boolean
  /** Its state in the last row. */
  readonly state: Exclude<(typeof GUARD_STATES)[number], 'none'>
}

/** The guards that existed in the last row. */
export function guardsAt({ entries, rows }: RecordedFile): GuardAtEnd[] {
  const states = rows.at(-1)?.guards ?? []
  return states.flatMap((state, index): GuardAtEnd[] => {
    if (state === 'none') return []
    const note = entries.findLast(({ kind, number }) => kind === 'guard' && number === index + 1)
    return [{ ...parseGuard(note?.text ?? ''), state }]
  })
}

const MAX_LIMITS = 64

function parseGuard(text: string): Omit<GuardAtEnd, 'state'> {
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch {
    // The note is torn, or was overwritten by later ones.
  }
  if (!isObject(given) || !Array.isArray(given['limits'])) return { name: '', all: false, limits: [] }
  const name = textOf(given['name']) ?? ''
  return { name, all: given['all'] === true, limits: given['limits'].slice(0, MAX_LIMITS).flatMap(describeLimit) }
}

function describeLimit(given: unknown): string[] {
  if (!isObject(given)) return []
  const metric = textOf(given['metric'])
  if (metric === undefined) return []
  const lasting = numberOf(given['for'])
  const suffix = lasting === undefined || lasting === 0 ? '' : ` for ${formatDuration(lasting)}`
  if (given['condition'] === true) return [`${metric} fails${suffix}`]
  const selector = textOf(given['selector'])
  const [above, below] = [numberOf(given['above']), numberOf(given['below'])]
  const line = above ?? below
  if (line === undefined) return []
  const name = selector === undefined ? metric : `${metric}(${selector})`
  const unit = findMetric(metric)?.info.unit ?? ''
  return [`${name} ${above === undefined ? '<' : '>'} ${formatLine(line, unit)}${suffix}`]
}
