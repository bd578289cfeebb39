/** The command line's own options: long ones with a value or without, up to the first word that is none. */
import { unknownName } from '../errors.js'
import { parseDuration } from '../units.js'
import { UsageError } from './usage.js'
import type { OptionSpec } from './verbs.js'

export class ParsedArguments {
  /** Everything from the first word on that is not an option, without a leading `--`. */
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

  /** The values of an option in the order given. */
  all(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  /** Milliseconds; a bare number is seconds, as timeout(1) takes it. @throws UsageError */
  duration(name: string): number | undefined {
    const text = this.get(name)
    return text === undefined ? undefined : toMilliseconds(text, `--${name}`)
  }
}

/** @throws UsageError that names the option */
export function toMilliseconds(text: string, name: string): number {
  if (/^(?:\d+\.?\d*|\.\d+)$/.test(text)) return Number(text) * 1000
  try {
    return parseDuration(text, name)
  } catch {
    throw new UsageError(`${name} must be a duration such as 30 (seconds), 500ms, 10s, 5m or 1h; received '${text}'`)
  }
}

/**
 * Parsing stops at the first word that is not an option, or behind `--`, as with nice, env and timeout: what follows
 * belongs to the command.
 *
 * @throws UsageError
 */
export function parseArguments(words: readonly string[], specs: Readonly<Record<string, OptionSpec>>): ParsedArguments {
  const values = new Map<string, string[]>()
  const queue = [...words]
  while (queue.length > 0) {
    const word = queue[0]!
    if (!word.startsWith('-') || word === '-') break
    queue.shift()
    if (word === '--') break
    takeOption(word, queue, specs, values)
  }
  return new ParsedArguments(values, queue)
}

function takeOption(
  word: string,
  queue: string[],
  specs: Readonly<Record<string, OptionSpec>>,
  values: Map<string, string[]>,
): void {
  const { name, attached } = word.startsWith('--') ? splitLong(word) : splitShort(word, specs)
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined
  if (spec === undefined) {
    const known = Object.entries(specs).flatMap(([long, { short }]) =>
      short ? [`--${long}`, `-${short}`] : [`--${long}`],
    )
    throw new UsageError(unknownName('option', word.split('=', 1)[0]!, known).message)
  }
  let value = attached
  if (spec.value === undefined) {
    if (value !== undefined) throw new UsageError(`--${name} takes no value; received '${value}'`)
    value = ''
  } else {
    value ??= queue.shift()
    if (value === undefined) throw new UsageError(`--${name} needs a value: --${name} ${spec.value}`)
  }
  const given = values.get(name)
  if (given === undefined) values.set(name, [value])
  else if (spec.many === true) given.push(value)
  else throw new UsageError(`--${name} was given twice`)
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

/** `-q`, `-k 5s` or `-k5s`. */
function splitShort(word: string, specs: Readonly<Record<string, OptionSpec>>): SplitOption {
  const found = Object.entries(specs).find(([, { short }]) => short === word[1])
  if (found === undefined) return { name: '', attached: undefined }
  return { name: found[0], attached: word.length > 2 ? word.slice(2) : undefined }
}
