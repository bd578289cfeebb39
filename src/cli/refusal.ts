/** The exit status for a command that could not be started. */
import type { CommandNotStartedError } from '../base/errors.js'
import { EXIT } from './usage.js'

export function statusOfRefusal({ kind }: CommandNotStartedError): number {
  if (kind === 'not-found') return EXIT.notFound
  return kind === 'not-executable' ? EXIT.notExecutable : EXIT.failure
}
