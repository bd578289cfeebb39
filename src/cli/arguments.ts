/** The command line's own options: long ones with a value or without, up to the first word that is none. */
import { unknownName } from '../errors.js'
import { UsageError } from './usage.js'

export interface OptionSpec {
  /** What the value is called in the help; absent for a switch. */
  readonly value?: string
  /** Whether it may be given more than once. */
  readonly many?: boolean
}

export interface ParsedArguments {
  /** Values by option, in the order given; a switch has one empty value. */
  readonly options: ReadonlyMap<string, readonly string[]>
  /** Everything from the first word on that is not an option, without a leading `--`. */
  readonly rest: readonly string[]
}

/**
 * Parsing stops at the first word that is not an option, or behind `--`, as with nice, env and timeout: what follows
 * belongs to the command.
 *
 * @throws UsageError
 */
export function parseArguments(words: readonly string[], specs: Readonly<Record<string, OptionSpec>>): ParsedArguments {
  const options = new Map<string, string[]>()
  let at = 0
  while (at < words.length) {
    const word = words[at]!
    if (word === '--') {
      at++
      break
    }
    if (!word.startsWith('-') || word === '-') break
    at++
    const equals = word.indexOf('=')
    const name = equals < 0 ? word : word.slice(0, equals)
    const spec = specs[name]
    if (spec === undefined) throw new UsageError(unknownName('option', name, Object.keys(specs)).message)
    let value = ''
    if (spec.value === undefined) {
      if (equals >= 0) throw new UsageError(`The option ${name} takes no value.`)
    } else if (equals >= 0) {
      value = word.slice(equals + 1)
    } else {
      const next = words[at++]
      if (next === undefined) throw new UsageError(`The option ${name} needs a value: ${name} ${spec.value}`)
      value = next
    }
    const given = options.get(name)
    if (given === undefined) options.set(name, [value])
    else if (spec.many === true) given.push(value)
    else throw new UsageError(`The option ${name} was given twice.`)
  }
  return { options, rest: words.slice(at) }
}
