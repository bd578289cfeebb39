#!/usr/bin/env node
/** The command: picks the verb and loads it only then. */
import { unknownName } from '../errors.js'
import { EXIT, UsageError, say } from './usage.js'
import type { VerbName } from './verbs.js'

interface Verb {
  main(words: readonly string[]): Promise<number>
}

const VERBS: Readonly<Record<VerbName, () => Promise<Verb>>> = {
  run: () => import('./run.js'),
  watch: () => import('./watch.js'),
  doctor: () => import('./doctor.js'),
  profile: () => import('./profile.js'),
  completion: () => import('./completion.js'),
}

async function main(words: readonly string[]): Promise<number> {
  const [verb, ...rest] = words
  if (verb === '--help' || verb === '-h') {
    const { overview } = await import('./help.js')
    process.stdout.write(overview())
    return EXIT.ok
  }
  if (verb === '--version') {
    const { version } = await import('./version.js')
    process.stdout.write(`${version()}\n`)
    return EXIT.ok
  }
  if (verb === undefined) throw new UsageError(`Say what to do: ${Object.keys(VERBS).join(', ')}. See tripline --help`)
  if (!isVerb(verb)) throw new UsageError(unknownName('command', verb, Object.keys(VERBS)).message)
  if (rest[0] === '--help' || rest[0] === '-h') {
    const { help } = await import('./help.js')
    process.stdout.write(help(verb))
    return EXIT.ok
  }
  return (await VERBS[verb]()).main(rest)
}

function isVerb(word: string): word is VerbName {
  return Object.hasOwn(VERBS, word)
}

/** What went wrong, in one line where it is the caller's business, with its stack where it is a defect of ours. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error instanceof UsageError || 'code' in error ? error.message : (error.stack ?? error.message)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  say(explain(error))
  process.exitCode = EXIT.failure
}
