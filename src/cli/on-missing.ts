/** The option `--on-missing`: what it means that this machine does not have the metric of a limit. */
import type { Limit } from '../monitor/limits.js'
import type { ParsedArguments } from './arguments.js'
import { UsageError } from './usage.js'

/** The meanings, as the library names them. */
export type OnMissing = NonNullable<Limit['onMissing']>

const MEANINGS: Readonly<Record<string, OnMissing>> = { error: 'throw', ignore: 'ignore', breach: 'breach' }

/** @throws UsageError */
export function readOnMissing(given: ParsedArguments): OnMissing {
  const text = given.get('on-missing') ?? 'error'
  if (Object.hasOwn(MEANINGS, text)) return MEANINGS[text]!
  throw new UsageError(`--on-missing must be error, ignore or breach; received '${text}'`)
}
