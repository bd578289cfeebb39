/**
 * Arguments and environment as bytes, which need not be UTF-8. Bytes that are not valid UTF-8 are represented as lone
 * surrogates from U+DC80 on, as in Python's "surrogateescape"; no valid text contains those.
 */
import { isUtf8 } from 'node:buffer'
import { readFileSync, readlinkSync } from 'node:fs'
import { loadBuiltin } from '../base/builtin.js'

// The character that Node puts in place of bytes that are not UTF-8.
const LOST = '\uFFFD'
const ESCAPED = /([\u{DC80}-\u{DCFF}])/u

/** Converts text to one character per byte, as the addon expects. */
export function toByteString(text: string): string {
  if (!/[\u0080-\uFFFF]/.test(text)) return text
  const parts = text.split(ESCAPED)
  return parts.map((part, at) => (at % 2 === 0 ? Buffer.from(part).toString('latin1') : unescape(part))).join('')
}

export function toBytes(text: string): Buffer {
  return Buffer.from(toByteString(text), 'latin1')
}

function fromBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString()
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const size = [1, 2, 3, 4].find((each) => at + each <= bytes.length && isUtf8(bytes.subarray(at, at + each)))
    text += size === undefined ? String.fromCharCode(0xdc00 + bytes[at]!) : bytes.toString('utf8', at, at + size)
    at += size ?? 1
  }
  return text
}

/** The last arguments of this process with their original bytes, where Node replaced some. */
export function asGiven(words: readonly string[]): readonly string[] {
  if (!words.some((word) => word.includes(LOST))) return words
  const given = readParts('/proc/self/cmdline').slice(-words.length)
  return words.map((word, at) => sameAsGiven(word, given[at]))
}

/**
 * The entries of an environment, with the original bytes of inherited ones where Node replaced some.
 *
 * @param whole whether `env` is a copy of `process.env`: then entries that Node does not show there are kept too, in their
 *   places: those without "=", repeated ones, and names that are not UTF-8
 */
export function entriesOf(env: NodeJS.ProcessEnv, whole: boolean): string[] {
  const left = new Map(Object.entries(env).filter((each): each is [string, string] => each[1] !== undefined))
  // An environment that a worker was given differs from that of the process.
  if (whole && isMainThread()) return [...keptEntries(left), ...textsOf(left)]
  if (![...left.values()].some((value) => value.includes(LOST))) return textsOf(left)
  const given = new Map(inheritedEntries().map(({ name, value }) => [name, value]))
  return textsOf(new Map([...left].map(([name, value]) => [name, sameAsGiven(value, given.get(name))])))
}

/** Loading `node:worker_threads` takes a megabyte, so that the kernel is asked where it knows. */
function isMainThread(): boolean {
  try {
    const [pid, , thread] = readlinkSync('/proc/thread-self').split('/')
    return pid === thread
  } catch {
    return loadBuiltin('node:worker_threads').isMainThread
  }
}

function textsOf(variables: ReadonlyMap<string, string>): string[] {
  return [...variables].map(([name, value]) => `${name}=${value}`)
}

/** The inherited entries, as far as they were not removed, with the values that they have now. Takes these out of `left`. */
function keptEntries(left: Map<string, string>): string[] {
  const unchanged = new Set<string>()
  const kept: string[] = []
  for (const { name, value, bytes } of inheritedEntries()) {
    // Node cannot change entries without a name or "=", nor those with names that are not UTF-8.
    if (value === undefined || name === '' || name.includes(LOST)) {
      if (value !== undefined) left.delete(name)
      kept.push(fromBytes(bytes))
      continue
    }
    const now = left.get(name)
    // Of repeated entries, Node shows the first.
    if (now === value.toString()) unchanged.add(name)
    if (unchanged.has(name)) kept.push(fromBytes(bytes))
    else if (now !== undefined) kept.push(`${name}=${now}`)
    left.delete(name)
  }
  return kept
}

interface InheritedEntry {
  readonly name: string
  /** Undefined for an entry without "=". */
  readonly value: Buffer | undefined
  readonly bytes: Buffer
}

/** What this process was started with; empty on systems that do not keep it. */
function inheritedEntries(): InheritedEntry[] {
  return readParts('/proc/self/environ').map((bytes) => {
    const equals = bytes.indexOf('=')
    if (equals < 0) return { name: bytes.toString(), value: undefined, bytes }
    return { name: bytes.toString('utf8', 0, equals), value: bytes.subarray(equals + 1), bytes }
  })
}

/** The original bytes, unless the variable has changed since. */
function sameAsGiven(read: string, given: Buffer | undefined): string {
  return given !== undefined && read.includes(LOST) && given.toString() === read ? fromBytes(given) : read
}

function unescape(letter: string): string {
  return String.fromCharCode(letter.charCodeAt(0) - 0xdc00)
}

/** The NUL-separated parts of a file; empty on systems without it. */
function readParts(path: string): Buffer[] {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch {
    return []
  }
  const parts: Buffer[] = []
  for (let from = 0; from < bytes.length;) {
    const to = bytes.indexOf(0, from)
    parts.push(bytes.subarray(from, to < 0 ? bytes.length : to))
    from = to < 0 ? bytes.length : to + 1
  }
  return parts
}
