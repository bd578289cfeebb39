/** Types of fake-clocks.cjs. */
import type * as tripline from '../../src/index.js'

interface FakeClock {
  install(): void
  uninstall(): void
  /** Milliseconds. */
  advance(ms: number): void
  /** How many timers wait; undefined where the framework cannot say. */
  pending(): number | undefined
}

export const scenarios: Readonly<Record<string, (package_: typeof tripline, clock: FakeClock) => Promise<void>>>
export function runScenarios(package_: typeof tripline, clock: FakeClock): Promise<number>
