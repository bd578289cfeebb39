/** Types of fake-clocks.cjs. */
import type * as tripline from '../../src/index.js'

interface FakeClock {
  install(): void
  uninstall(): void
  /** Milliseconds. */
  advance(ms: number): void
  /** The number of pending timers; undefined if the framework does not report it. */
  pending(): number | undefined
}

export const scenarios: Readonly<Record<string, (package_: typeof tripline, clock: FakeClock) => Promise<void>>>
export function runScenarios(package_: typeof tripline, clock: FakeClock): Promise<number>
