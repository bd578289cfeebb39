/** What is exported, whatever the format: families of values, each with one name, unit and meaning. */
import type { BaseUnit, Convention } from './names.js'

/** What distinguishes the values of a family. The values may come from outside. */
export type Labels = Readonly<Record<string, string>>

/** Gets each value that is known; one that is not is left out. */
export type Emit = (labels: Labels, value: number) => void

export interface Family {
  /** With dots, without the prefix: `event_loop.delay`. */
  readonly id: string
  readonly type: 'gauge' | 'counter'
  readonly unit: BaseUnit
  readonly help: string
  /** All that its values may have. */
  readonly labels: readonly string[]
  /** What OpenTelemetry calls the value without labels, if it has a name with the same meaning. */
  readonly convention?: Convention | undefined
  /** Emits the values of this moment, in the base unit. Reads nothing but memory, and does not wait. */
  readonly read: (emit: Emit) => void
}

/** A text that can be encoded: a path, for example, may have bytes that are not UTF-8. */
export function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8')
}
