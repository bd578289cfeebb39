#!/usr/bin/env node
/** The `tripline` command: loads and runs the module of the verb. */
import { holdSignals } from './early-signals.js'
import { ExpressionError, ON_MISSING_ADVICE, unknownName } from '../base/errors.js'
import { EXIT, HelpWanted, UsageError, print, say, sayPlainly } from './usage.js'
import type { VerbName } from './verbs.js'

interface Verb {
  main(words: readonly string[]): Promise<number>
}

const VERBS: Readonly<Record<VerbName, () => Promise<Verb>>> = {
  run: () => import('./run.js'),
  watch: () => import('./watch.js'),
  check: () => import('./check.js'),
  doctor: () => import('./doctor.js'),
  profile: () => import('./profile.js'),
  explain: () => import('./explain.js'),
  demo: () => import('./demo.js'),
  completion: () => import('./completion.js'),
}

async function main(words: readonly string[]): Promise<number> {
  const [verb, ...rest] = words
  if (verb === '--help' || verb === '-h' || verb === 'help') return printHelp(rest)
  if (verb === '--version') {
    const { packageVersion } = await import('../base/package.js')
    print(`${packageVersion()}\n`)
    return EXIT.ok
  }
  if (verb === undefined) throw new UsageError(`Say what to do: ${Object.keys(VERBS).join(', ')}. See tripline --help`)
  if (!isVerb(verb)) throw unknownVerb(verb)
  try {
    return await (await VERBS[verb]()).main(rest)
  } catch (error) {
    if (error instanceof HelpWanted) return printHelp([verb])
    throw error
  }
}

/** Prints the overview, or the help of one verb. */
async function printHelp(words: readonly string[]): Promise<number> {
  const { help, overview } = await import('./help.js')
  const verb = words.find((word) => word !== '--all')
  if (verb !== undefined && !isVerb(verb)) throw unknownVerb(verb)
  print(verb === undefined ? overview() : help(verb, words.includes('--all')))
  return EXIT.ok
}

function unknownVerb(word: string): UsageError {
  const isOption = word.startsWith('-')
  const known = isOption ? ['--help', '--version'] : [...Object.keys(VERBS), 'help']
  const elsewhere = { '-v': '--version', version: '--version' }
  const all = word === 'version' ? [...known, '--version'] : known
  return new UsageError(unknownName(isOption ? 'option' : 'command', word, all, elsewhere).message)
}

function isVerb(word: string): word is VerbName {
  return Object.hasOwn(VERBS, word)
}

/** The lines of a usage error, or the message of an error with a code. Any other error is a defect and shows its stack. */
function explain(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [String(error)]
  if (error instanceof UsageError || error instanceof ExpressionError) return error.lines
  // What a program is advised is an option here, of some verbs.
  const advice = ['run', 'watch'].includes(process.argv[2] ?? '') ? '. With --on-missing ignore, that is no error' : ''
  return 'code' in error
    ? [error.message.replace(ON_MISSING_ADVICE, advice)]
    : (error.stack ?? error.message).split('\n')
}

async function readWords(): Promise<readonly string[]> {
  const words = process.argv.slice(2)
  // Node replaces bytes that are not valid UTF-8 with U+FFFD.
  if (!words.some((word) => word.includes('\uFFFD'))) return words
  const { asGiven } = await import('../run/bytes.js')
  return asGiven(words)
}

async function start(): Promise<void> {
  try {
    process.exitCode = await main(await readWords())
  } catch (error) {
    const [first, ...below] = explain(error)
    say(first!)
    for (const line of below) sayPlainly(line)
    process.exitCode = EXIT.failure
  }
}

if (['run', 'profile'].includes(process.argv[2] ?? '')) holdSignals()
void start()
