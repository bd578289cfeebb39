#!/usr/bin/env node
/** The command: picks the verb and loads it only then. */
import { unknownName } from '../errors.js'
import { EXIT, UsageError } from './usage.js'

const HELP = `tripline: limits on what this machine is doing

  tripline run [OPTION]... [--] COMMAND [ARG]...   run a command and all its processes under limits
      --timeout D        end it after this long (10s, 5m, 1h; 0 is none)
      --limit 'EXPR'     end it when a limit is crossed; may be repeated:
                         'process.rss>150MB'  'temperature>80 for 2s'  'disk(/data)>90%'
      --kill-after D     send KILL when it has not ended this long after TERM (default 5s)
      -q, --quiet        do not say why it was ended

  tripline watch --once [--json]                   what every metric of this machine says now

Under 'run', process.* means the command and all its descendants.
Exit status of 'run': the command's own; 124 its time was up; 123 a limit was crossed;
125 wrong usage or our own failure; 126 the command could not be run; 127 it was not found;
128+n it died of signal n.
`

interface Verb {
  main(words: readonly string[]): Promise<number>
}

const VERBS: ReadonlyMap<string, () => Promise<Verb>> = new Map([
  ['run', () => import('./run.js')],
  ['watch', () => import('./watch.js')],
])

async function main(words: readonly string[]): Promise<number> {
  const [verb, ...rest] = words
  if (verb === '--help' || verb === '-h' || (verb !== undefined && VERBS.has(verb) && rest[0] === '--help')) {
    process.stdout.write(HELP)
    return EXIT.ok
  }
  if (verb === undefined) throw new UsageError('Say what to do: tripline run or tripline watch. See tripline --help.')
  const load = VERBS.get(verb)
  if (load === undefined) throw new UsageError(unknownName('command', verb, [...VERBS.keys()]).message)
  return (await load()).main(rest)
}

/** What went wrong, in one line where it is the caller's business, with its stack where it is a defect of ours. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error instanceof UsageError || 'code' in error ? error.message : (error.stack ?? error.message)
}

// Whoever reads what we say about the command may go; that is no part of the command's status.
process.stderr.on('error', () => undefined)

// A reader that has had enough (`| head`) is no failure worth a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok)
  throw error
})

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`tripline: ${explain(error)}\n`)
  process.exitCode = EXIT.failure
}
