/** A clock in place of the real one, on which a test sets the time and fires each timer by hand. */
import { onTestFinished } from 'vitest'
import { useClock, type Clock } from '../../src/base/clock.js'

/** A timer that is armed. */
export interface ArmedTimer {
  readonly at: number
  readonly callback: () => void
}

export class ScriptedClock implements Clock {
  time = 0
  readonly armed: ArmedTimer[] = []

  now(): number {
    return this.time
  }
  date(): number {
    return this.time
  }
  setTimeout(callback: () => void, delay: number): ArmedTimer {
    const timer = { at: this.time + delay, callback }
    this.armed.push(timer)
    return timer
  }
  clearTimeout(timer: unknown): void {
    const place = this.armed.indexOf(timer as ArmedTimer)
    if (place !== -1) this.armed.splice(place, 1)
  }

  /** When the timers are due that are armed, in the order in which they were armed. */
  get dues(): number[] {
    return this.armed.map(({ at }) => at)
  }
  /** Fires the one armed first; `time` is then the time on this clock. */
  fire(time: number = this.armed[0]!.at): void {
    this.time = time
    this.armed.shift()!.callback()
  }
}

/** A clock that is in force until the end of the test. */
export function scriptedClock(): ScriptedClock {
  const clock = new ScriptedClock()
  useClock(clock)
  onTestFinished(() => useClock(undefined))
  return clock
}
