import { UsageError } from './usage.js'

export function main(_words: readonly string[]): Promise<number> {
  throw new UsageError('tripline doctor is not there yet')
}
