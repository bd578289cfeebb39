/** Parses the options of a verb, long and short, up to the first word that is not an option. */
import { unknownName } from '../base/errors.js'
import { parseDuration } from '../base/units.js'
import { HelpWanted, UsageError } from './usage.js'
import type { OptionSpec, VerbSpec } from './verbs.js'

type OptionSpecs = Readonly<Record<string, OptionSpec>>

export class ParsedArguments {
  /** The words after the options, without a leading `--`. */
  readonly rest: readonly string[]
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(values: ReadonlyMap<string, readonly string[]>, rest: readonly string[]) {
    this.#values = values
    this.rest = rest
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** The value of an option that is given at most once. */
  get(name: string): string | undefined {
    return this.#values.get(name)?.[0]
  }

  /** The values of an option, in the order in which they were given. */
  all(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  /** A duration in milliseconds. A bare number means seconds, as for timeout(1). @throws UsageError */
  duration(name: string): number | undefined {
    const text = this.get(name)
    return text === undefined ? undefined : toMilliseconds(text, `--${name}`)
  }
}

/** @throws UsageError that names the option */
function toMilliseconds(text: string, name: string): number {
  if (/^(?:\d+\.?\d*|\.\d+)$/.test(text)) return Number(text) * 1000
  try {
    return parseDuration(text, name)
  } catch {
    throw new UsageError(`${name} must be a duration such as 30 (seconds), 500ms, 10s, 5m or 1h; received '${text}'`)
  }
}

/**
 * If the verb takes a command, parsing stops at the first word that is not an option, or after `--`, as with nice, env and
 * timeout: the rest belongs to the command. For other verbs, options may also follow other words.
 *
 * @throws UsageError; HelpWanted
 */
export function parseArguments(
  words: readonly string[],
  { options, takesCommand = false }: Pick<VerbSpec, 'options' | 'takesCommand'>,
): ParsedArguments {
  const values = new Map<string, string[]>()
  const rest: string[] = []
  const queue = [...words]
  while (queue.length > 0) {
    const word = queue[0]!
    const isOption = word.startsWith('-') && word !== '-'
    if (!isOption && takesCommand) break
    queue.shift()
    if (word === '--') break
    if (!isOption) rest.push(word)
    else takeOption(word, queue, options, values)
  }
  return new ParsedArguments(values, [...rest, ...queue])
}

function takeOption(word: string, queue: string[], specs: OptionSpecs, values: Map<string, string[]>): void {
  if (word === '--help' || word === '-h') throw new HelpWanted()
  const { name, attached } = word.startsWith('--') ? splitLong(word) : splitShort(word, queue, specs)
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined
  if (spec === undefined) throw unknownOption(word, specs)
  let value = attached
  if (spec.value === undefined) {
    if (value !== undefined) throw new UsageError(`--${name} takes no value; received '${value}'`)
    values.set(name, [''])
    return
  }
  if (spec.optional === true) {
    // An empty variable is no choice: `--restart=$N` must not mean the default.
    if (value === '') throw new UsageError(`--${name}= has no value; it is --${name}=${spec.value} or --${name}`)
    value ??= ''
  }
  value ??= queue.shift()
  if (value === undefined) throw new UsageError(`--${name} needs a value: --${name} ${spec.value}`)
  const given = values.get(name)
  if (given === undefined) values.set(name, [value])
  else if (spec.many === true) given.push(value)
  else throw new UsageError(`--${name} was given twice`)
}

/**
 * Suggests the nearest long option, or the only one with this prefix. For a short one all are listed, because one letter is
 * as near as another.
 */
function unknownOption(word: string, specs: OptionSpecs): UsageError {
  const given = word.split('=', 1)[0]!
  const longs = [...Object.keys(specs), 'help'].map((long) => `--${long}`)
  if (word.startsWith('--')) {
    const begun = longs.filter((long) => long.startsWith(given))
    if (begun.length === 1) return new UsageError(`Unknown option '${given}'. Did you mean '${begun[0]}'?`)
    return new UsageError(unknownName('option', given, longs).message)
  }
  const letters = Object.values(specs).flatMap(({ short }) => (short === undefined ? [] : [`-${short}`]))
  const known = [...letters, '-h'].join(', ')
  return new UsageError(`Unknown option '${word.slice(0, 2)}'. With one letter there are ${known}`)
}

interface SplitOption {
  readonly name: string
  readonly attached: string | undefined
}

function splitLong(word: string): SplitOption {
  const equals = word.indexOf('=')
  if (equals < 0) return { name: word.slice(2), attached: undefined }
  return { name: word.slice(2, equals), attached: word.slice(equals + 1) }
}

/** Splits `-q`, `-k 5s` or `-k5s`. The rest of `-qv` goes back into the queue. */
function splitShort(word: string, queue: string[], specs: OptionSpecs): SplitOption {
  const found = Object.entries(specs).find(([, { short }]) => short === word[1])
  if (found === undefined) return { name: '', attached: undefined }
  const [name, { value }] = found
  const rest = word.slice(2)
  if (value === undefined && rest !== '') queue.unshift(`-${rest}`)
  return { name, attached: value === undefined || rest === '' ? undefined : rest }
}
