/** What the library publishes on `tripline:error` during a test. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { onTestFinished } from 'vitest'
import type { ErrorMessage } from '../../src/index.js'

/** Collects the errors that are reported from now on until the end of the test, in order. */
export function reportedErrors(): ErrorMessage[] {
  const reported: ErrorMessage[] = []
  const listener = (message: unknown): void => void reported.push(message as ErrorMessage)
  subscribe('tripline:error', listener)
  onTestFinished(() => void unsubscribe('tripline:error', listener))
  return reported
}
