/** The verbs and their options: one table for parsing, help and completion. */

export interface OptionSpec {
  /** The name of the value in the help; absent if the option takes none. */
  readonly value?: string
  /** What the shell can complete for the value. */
  readonly choices?: readonly string[] | 'file' | 'metric'
  /** Whether its value may be left out; it is then given as `--name=value`. */
  readonly optional?: boolean
  /** Whether it may be given more than once. */
  readonly many?: boolean
  /** A letter that stands for it. */
  readonly short?: string
  /** Whether `--help` leaves it out, because all options would not fit a screen; `tripline help VERB --all` shows it. */
  readonly rare?: boolean
  readonly help: string
}

export interface VerbSpec {
  readonly summary: string
  readonly usage: string
  readonly options: Readonly<Record<string, OptionSpec>>
  /** Whether a command with its arguments follows the options. */
  readonly takesCommand?: boolean
  /** The words that may follow the options. */
  readonly words?: readonly string[]
  /** Lines below the options. */
  readonly notes?: readonly string[]
}

const ON_MISSING = ['error', 'ignore', 'breach']
const SIGNALS = ['TERM', 'INT', 'HUP', 'QUIT', 'KILL', 'USR1', 'USR2']

export type VerbName = 'run' | 'watch' | 'check' | 'doctor' | 'profile' | 'explain' | 'demo' | 'completion'

export const VERBS: Readonly<Record<VerbName, VerbSpec>> = {
  run: {
    summary: 'run a command, with all that it starts, under limits',
    usage: '[OPTION]... [--] COMMAND [ARG]...',
    takesCommand: true,
    options: {
      timeout: { value: 'D', help: 'end it after this long (90, 10s, 5m, 1h; 0: no limit)' },
      memory: { value: 'SIZE', help: 'of all its processes: 500MB, 1GiB, 50%' },
      cpu: { value: 'PERCENT', help: 'of one CPU, all its processes together' },
      procs: { value: 'N', help: 'at most this many processes' },
      'cpu-time': { value: 'D', help: 'CPU time of all its processes' },
      'cpu-share': { value: 'PERCENT', rare: true, help: 'of one CPU: hold it to this, by pausing it' },
      'idle-output': { value: 'D', help: 'nothing written for this long' },
      limit: {
        value: "'EXPR'",
        choices: 'metric',
        many: true,
        help: "any metric: 'temperature>80 for 2s' 'disk(/data)>90%'",
      },
      'on-breach': {
        value: 'WHAT',
        choices: ['term', 'pause', 'kill'],
        help: 'term, kill, or pause until it is clear (default term)',
      },
      'on-missing': {
        value: 'WHAT',
        choices: ON_MISSING,
        rare: true,
        help: 'a metric not known here: error, ignore, breach',
      },
      fd: { value: 'N', many: true, rare: true, help: 'a descriptor to pass on, besides 0, 1 and 2' },
      enforce: { rare: true, help: 'the kernel holds --memory, --procs and --cpu too' },
      signal: { value: 'NAME', short: 's', choices: SIGNALS, help: 'what ends it (default TERM)' },
      'kill-after': { value: 'D', short: 'k', help: 'then KILL (default 5s; 0: never)' },
      restart: { value: 'N', optional: true, help: 'run it again if a limit ended it (N times at most)' },
      backoff: { value: 'D', rare: true, help: 'before a restart (default 1s; doubles up to 5m)' },
      keep: { rare: true, help: 'leave alone what it leaves behind (daemons)' },
      'start-when': { value: "'EXPR'", choices: 'metric', many: true, help: 'wait until this holds' },
      reserve: { value: 'WHAT', help: 'wait until 2GB,cpu=2 are free and not reserved' },
      lane: { value: 'NAME', rare: true, help: 'the queue to wait in for --reserve' },
      wait: { value: 'D', help: 'wait at most this long, then exit with 122' },
      watchdog: { rare: true, help: "feed systemd's watchdog while it runs within its limits" },
      'dry-run': { help: 'only say what would have ended it' },
      report: { value: 'FILE', choices: 'file', help: 'write what happened, as JSON' },
      record: { value: 'FILE', choices: 'file', help: 'keep its last minutes in a file that outlives it' },
      'record-stderr': { value: 'N', rare: true, help: 'with the last N lines of its stderr' },
      'exit-code': { value: 'N', rare: true, help: 'exit with N where it was ended or not begun' },
      'preserve-status': { rare: true, help: "exit with the command's status, whatever ended it" },
      'gnu-status': { rare: true, help: 'exit with 137 when it had to be killed, as timeout(1)' },
      foreground: { rare: true, help: "stay in tripline's process group, to read from a terminal" },
      quiet: { short: 'q', help: 'do not say why it was ended' },
      verbose: { short: 'v', help: 'say more' },
    },
    notes: ["Exit status: the command's; 124 time, 123 other limit, 122 not begun, 125 usage."],
  },
  watch: {
    summary: 'show live what this machine is doing',
    usage: "[OPTION]... ['METRIC(SELECTOR)']...",
    options: {
      interval: { value: 'D', help: 'between two samples (default 1s)' },
      for: { value: 'D', help: 'stop after this long' },
      limit: { value: "'EXPR'", choices: 'metric', many: true, help: "show a limit and its state: 'cpu>80 for 2s'" },
      'on-missing': { value: 'WHAT', choices: ON_MISSING, help: 'what is not known here: error, ignore, breach' },
      once: { help: 'every metric once, or why it is missing' },
      json: { help: 'one object per line and sample (NDJSON), units: docs/cli.md' },
      web: { value: 'HOST:PORT', optional: true, help: 'as a page in the browser (default 127.0.0.1, a free port)' },
      pid: { value: 'PID', help: 'with --web: this process and all below it, too' },
      'command-lines': { help: 'with --web: with their arguments, which may contain secrets' },
    },
    notes: ['Keys: q ends it, p pauses, ? explains. Not on a terminal it prints plain lines.'],
  },
  check: {
    summary: 'check limits once, for cron and health checks',
    usage: "[OPTION]... 'LIMIT'...",
    options: {
      within: { value: 'D', help: 'how long it may take (default 10s, and the longest for)' },
      quiet: { short: 'q', help: 'print nothing; the exit status says it' },
      verbose: { short: 'v', help: 'print limits that are not crossed too' },
      json: { help: 'all limits as one JSON object' },
    },
    notes: ['Exit status: 0 if none is crossed, 1 if one is, 125 if a metric is missing.'],
  },
  doctor: {
    summary: 'show what works on this machine, and why the rest does not',
    usage: '[--json]',
    options: { json: { help: 'as one JSON object' } },
  },
  profile: {
    summary: 'run a command and propose limits for it',
    usage: '[OPTION]... [--] COMMAND [ARG]...',
    takesCommand: true,
    options: {
      margin: { value: 'PERCENT', help: 'above the peaks that were seen (default 50%)' },
      json: { help: 'as one JSON object' },
    },
    notes: ["It prints to stderr; stdout and the exit status are the command's own."],
  },
  explain: {
    summary: 'say why a recorded run ended, and what it was doing',
    usage: '[--brief | --json] [FILE]',
    options: {
      brief: { help: 'only how it ended, and what shows it' },
      json: { help: 'as one JSON object' },
    },
    notes: [
      'Without FILE: the newest recording of a process that has ended.',
      'Exit status: 0 if it was read, 1 if there is none, 125 if it cannot be read.',
    ],
  },
  demo: {
    summary: 'show in ten seconds what ends programs out of hand',
    usage: '',
    options: {},
    notes: ['It takes 200 MB of memory and no rights. Its programs are in examples/demo.'],
  },
  completion: {
    summary: 'print the completion of a shell',
    usage: 'bash|zsh|fish',
    words: ['bash', 'zsh', 'fish'],
    options: {},
    notes: [
      'bash:  source <(tripline completion bash)',
      'zsh:   source <(tripline completion zsh)',
      'fish:  tripline completion fish | source',
    ],
  },
}
