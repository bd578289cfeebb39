/** What the table of verbs is for: help, completion, errors, the manual page. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { METRICS } from '../../src/addon/metrics.js'
import { VERBS } from '../../src/cli/verbs.js'
import { CLI } from '../helpers/child.js'
import { NO_TERMINAL, Terminal, shell, tripline } from '../helpers/cli.js'

const VERB_NAMES = Object.keys(VERBS)
const manual = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')

// The completions that bash would offer for the last of these words.
const complete = async (...words: string[]): Promise<string[]> => {
  const list = words.map((word) => `'${word}'`).join(' ')
  const line = `source <(tripline completion bash); COMP_WORDS=(tripline ${list}); COMP_CWORD=${words.length}; _tripline`
  return (await shell(`${line}; printf '%s\\n' "\${COMPREPLY[@]}"`)).stdout.trim().split('\n')
}

// The same for fish.
const fish = async (line: string): Promise<string[]> => {
  const script = `tripline completion fish | fish -c 'source; complete --do-complete="${line}"'`
  const { stdout, stderr } = await shell(script)
  expect(stderr).toBe('')
  return stdout.split('\n').flatMap((each) => (each === '' ? [] : [each.split('\t')[0]!]))
}

describe('help', () => {
  it.each(['', ...VERB_NAMES])('of %j fits a screen of 24 lines and 80 columns', async (verb) => {
    const { code, stdout } = await tripline(...(verb === '' ? [] : [verb]), '--help')
    expect(code).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    expect(lines.length).toBeLessThan(24)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
  })

  it('has every option with --all, and says so where some are left out', async () => {
    const { stdout } = await tripline('help', 'run', '--all')
    for (const name of Object.keys(VERBS.run.options)) expect(stdout).toContain(`--${name}`)
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(stdout).not.toContain('more options')
    expect((await tripline('run', '--help')).stdout).toMatch(/\n\d+ more options: tripline help run --all\n$/)
    expect((await tripline('help', 'watch')).stdout).not.toContain('more options')
  })

  it('is shown wherever --help is placed', async () => {
    for (const words of [
      ['help', 'run'],
      ['run', '-q', '--help'],
      ['run', '--timeout', '5', '-h'],
    ]) {
      expect((await tripline(...words)).stdout).toMatch(/^tripline run /)
    }
    // Words after the command belong to it.
    expect((await tripline('run', 'sh', '-c', 'echo $0', '--help')).stdout).toBe('--help\n')
  })

  it('is in the manual page too: every verb and option, and no other', () => {
    for (const [name, { options }] of Object.entries(VERBS)) {
      const section = manual.split(/^## /m).find((each) => each.startsWith(`tripline ${name}\n`)) ?? ''
      const described = [...section.matchAll(/^\| (?:`-\w`, )?`--([\w-]+)/gm)].map((match) => match[1])
      expect([name, ...described]).toEqual([name, ...Object.keys(options)])
    }
  })
})

describe('completion', () => {
  it('of bash knows verbs, options, values and metrics', async () => {
    expect(await complete('')).toEqual([...VERB_NAMES, '--help', '--version'])
    expect(await complete('run', '--idle')).toEqual(['--idle-output'])
    expect(await complete('run', '--on-breach', '')).toEqual(['term', 'pause', 'kill'])
    expect(await complete('run', '--on-missing', '')).toEqual(['error', 'ignore', 'breach'])
    expect(await complete('watch', '--on-missing', 'i')).toEqual(['ignore'])
    expect(await complete('run', '--limit', 'memory.a')).toEqual(['memory.available'])
    expect(await complete('watch', 'pressure.i')).toEqual(['pressure.io', 'pressure.io.full'])
    expect(await complete('run', 'nohu')).toContain('nohup')
    expect(await complete('run', '--timeout', '5', 'nohu')).toContain('nohup')
    expect(await complete('run', '--on-breach', '=', 'p')).toEqual(['pause'])
    // After the command, no word belongs to tripline.
    expect(await complete('run', '-k', '5', 'make', '--on')).toEqual([''])
    expect(await complete('run', '-q', '--', 'cat', '/etc/host')).toContain('/etc/hosts')
  })

  it('of fish too', async ({ skip }) => {
    skip((await shell('command -v fish')).code !== 0, 'no fish here')
    expect(await fish('tripline ')).toEqual([...VERB_NAMES].toSorted())
    expect(await fish('tripline run --idle')).toEqual(['--idle-output'])
    expect(await fish('tripline run --on-breach ')).toEqual(['kill', 'pause', 'term'])
    expect(await fish('tripline run --limit memory.a')).toEqual(['memory.available'])
    expect(await fish('tripline watch --once pressure.i')).toEqual(['pressure.io', 'pressure.io.full'])
    expect(await fish('tripline run --timeout 5 -q nohu')).toEqual(['nohup'])
    expect(await fish('tripline run -- cat /etc/hostn')).toEqual(['/etc/hostname'])
    expect(await fish('tripline run -q make --on')).toEqual([])
    expect(await fish('tripline profile -')).toEqual(['--help', '--json', '--margin'])
  })

  it('of zsh, as it is typed', async ({ skip }) => {
    const why = NO_TERMINAL ?? ((await shell('command -v zsh')).code === 0 ? undefined : 'no zsh here')
    skip(why !== undefined, why)
    using terminal = new Terminal(['zsh', '-f', '-i'])
    terminal.type(`tripline() { ${process.execPath} ${CLI} "$@"; }\r`)
    terminal.type('autoload -U compinit && compinit -u -D && source <(tripline completion zsh); echo rea""dy\r')
    await terminal.shows('ready')
    for (const [typed, shown] of [
      ['tripline run --idle\t', '--idle-output'],
      ['tripline run --on-breach p\t', '--on-breach pause'],
      ['tripline watch pressure.io.\t', 'pressure.io.full'],
      ['tripline run --timeout 5 -q nohu\t', '-q nohup'],
    ] as const) {
      terminal.type(typed)
      await terminal.shows(shown)
      // Clears the line.
      terminal.type('\u0015')
    }
    terminal.type('exit\r')
    expect(await terminal.ended).toBe(0)
  })

  it.each(['zsh', 'fish'])('of %s exists, and is valid if that shell is installed', async (name) => {
    const { code, stdout } = await tripline('completion', name)
    expect(code).toBe(0)
    for (const verb of VERB_NAMES) expect(stdout).toContain(verb)
    const check = await shell(
      `command -v ${name} >/dev/null || { echo no ${name} here; exit 0; }; tripline completion ${name} | ${name} -n`,
    )
    expect(check.stderr).toBe('')
  })

  it('refuses a shell that it does not know', async () => {
    const outcome = await tripline('completion', 'fisch')
    expect([outcome.code, outcome.stderr]).toEqual([125, "tripline: Unknown shell 'fisch'. Did you mean 'fish'?\n"])
  })
})

describe('tripline doctor', () => {
  it('shows what works, and every metric', async () => {
    const { code, stdout } = await tripline('doctor')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ {2}addon +(built here from source|the prebuilt one)$/m)
    expect(stdout).toMatch(/^ {2}run +works, with/m)
    expect(stdout).toMatch(/^ {2}ticker +.*real-time priority (not )?allowed$/m)
    expect(stdout).toMatch(/^ {2}memory +\d+\.\d% {2}\//m)
    const below = METRICS.filter(({ worse }) => worse === 'below').map(({ name }) => name)
    expect(stdout).toContain(`  limits    a bare value means above, and below for ${below.join(', ')}\n`)
    expect(readFileSync(new URL('../../docs/guards.md', import.meta.url), 'utf8')).toContain(
      `\`below\` for what must not run out: ${below.map((each) => `\`${each}\``).join(', ')}.`,
    )
    const { metrics, findings } = JSON.parse((await tripline('doctor', '--json')).stdout) as Record<string, object[]>
    expect(metrics).toContainEqual(expect.objectContaining({ metric: 'memory', available: true }))
    expect(findings).toContainEqual(expect.objectContaining({ topic: 'run', good: true }))
  })
})

it('tripline doctor exits with 125 where the addon cannot be loaded, and says why', async () => {
  const { code, stdout } = await shell('TRIPLINE_ADDON=/nonexistent.node tripline doctor')
  expect(code).toBe(125)
  expect(stdout).toMatch(
    /^! addon +tripline cannot load its compiled addon .*nonexistent\.node: there is no such file/m,
  )
  expect(stdout).not.toMatch(/^ {2}limits/m)
})

describe('tripline profile', () => {
  it('proposes limits that the command does not cross', async () => {
    const { code, stdout, stderr } = await shell(`tripline profile -- bash -c 'echo "a  b"; sleep 0.5; exit 3'`)
    expect([code, stdout]).toEqual([3, 'a  b\n'])
    expect(stderr).toMatch(/^tripline: bash exited with 3\n/)
    const proposal = stderr.trim().split('\n').at(-1)!.trim()
    expect(proposal).toMatch(/^tripline run --timeout \ds --cpu-time \ds --memory \d+MB --procs \d+ -- bash -c 'echo/)
    expect((await shell(proposal)).code).toBe(3)
  })

  it('exits with the status of run for a command that does not start', async () => {
    expect((await tripline('profile', 'no-such-command')).code).toBe(127)
  })
})
