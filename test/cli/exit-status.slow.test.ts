/** `tripline run` in scripts: exit statuses, output, reports and files. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { EXIT } from '../../src/run/status.js'
import { CLI } from '../helpers/child.js'
import { shell, tripline } from '../helpers/cli.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-cli-'))
afterAll(() => rmSync(folder, { recursive: true }))

// A script whose interpreter does not exist.
writeFileSync(join(folder, 'hollow'), '#!/no/such/interpreter\n', { mode: 0o755 })

const place = (name: string): string => join(folder, `report-${name}`)

const IGNORES_TERM = 'trap "" TERM; while :; do sleep 0.2; done'

// For each exit status, a command that causes it, and the message.
const TABLE: readonly [status: number, args: readonly string[], stderr: string | RegExp][] = [
  [0, ['true'], ''],
  [1, ['false'], ''],
  [42, ['sh', '-c', 'exit 42'], ''],
  [122, ['sh', '-c', 'exit 122'], ''],
  [123, ['sh', '-c', 'exit 123'], ''],
  [124, ['sh', '-c', 'exit 124'], ''],
  [125, ['--timeout', '20', 'sh', '-c', 'exit 125'], ''],
  [255, ['sh', '-c', 'exit 255'], ''],
  [137, ['sh', '-c', 'kill -KILL $$'], ''],
  [143, ['sh', '-c', 'kill -TERM $$'], ''],
  [134, ['sh', '-c', 'kill -ABRT $$'], ''],
  [162, ['sh', '-c', 'kill -34 $$'], ''],
  [122, ['--start-when', 'memory>99.99', '--wait', '0.1', 'true'], /^tripline: never started true: .*\n$/],
  [0, ['--start-when', 'memory<100', '--start-when', 'memory.available>1MB', '--wait', '20', 'true'], ''],
  [123, ['--procs', '2', 'sh', '-c', 'sleep 60 & sleep 60 & wait'], /: process\.count 3 > 2; sent TERM, gone in/],
  [123, ['--limit', 'process.rss>1kB', 'sleep', '60'], /: process\.rss .* > 1\.00kB; sent TERM/],
  [123, ['--cpu-time', '0.05', 'sh', '-c', 'while :; do :; done'], /: process\.cpuTime .* > 50ms; /],
  [123, ['--on-breach', 'kill', '--limit', 'process.count>0', 'sh', '-c', IGNORES_TERM], /sent KILL, gone in/],
  [124, ['--timeout', '100ms', 'sleep', '60'], /: time limit of 100ms; sent TERM, gone in/],
  [124, ['--timeout', '.5', '-k', '100ms', 'sh', '-c', IGNORES_TERM], /; sent TERM, then KILL, gone in/],
  [124, ['--timeout', '.1', '-s', 'KILL', 'sleep', '60'], /; sent KILL, gone in/],
  [124, ['--timeout', '.2', '-s', 'USR1', 'sh', '-c', 'trap "exit 3" USR1; sleep 60 & wait'], /; sent USR1, gone in/],
  [124, ['--timeout', '.2', '-s', 'RTMIN+3', 'bash', '-c', 'trap "exit 3" RTMIN+3; sleep 60 & wait'], /sent RTMIN\+3,/],
  [124, ['--timeout', '.1', '-s', '64', 'sleep', '60'], /; sent RTMIN\+30, gone in/],
  [124, ['--idle-output', '200ms', 'sleep', '60'], /: no output for 200ms; /],
  [3, ['--timeout', '.3', '--preserve-status', 'sh', '-c', 'trap "exit 3" TERM; sleep 60 & wait'], /time limit/],
  [143, ['--timeout', '.1', '--preserve-status', 'sleep', '60'], /time limit/],
  [137, ['--timeout', '.5', '--gnu-status', '-k', '.1', 'sh', '-c', IGNORES_TERM], /time limit/],
  [124, ['--timeout', '.1', '--gnu-status', 'sleep', '60'], /time limit/],
  [0, ['--timeout', '.05', '--dry-run', 'sleep', '0.3'], /^tripline: would have ended sleep: time limit of 50ms\n$/],
  [0, ['--timeout', '0', 'true'], ''],
  [0, ['--cpu-time', '0', 'sh', '-c', 'for i in 1 2 3; do sleep 0.1; done'], ''],
  [125, ['--exit-code', '125', '--timeout', '.1', 'sleep', '60'], /time limit/],
  [7, ['--exit-code', '7', '--start-when', 'memory>99.99', '--wait', '0.1', 'true'], /never started/],
  [3, ['--exit-code', '7', 'sh', '-c', 'exit 3'], ''],
  [0, ['--memory', '90%', '-qv', 'true'], ''],
  [124, ['-q', '--timeout', '.1', 'sleep', '60'], ''],
  [126, [folder], /^tripline: .*: cannot be run \(exec: EACCES\)\n$/],
  [127, ['no-such-command'], 'tripline: no-such-command: command not found\n'],
  [127, ['no-such -x'], 'tripline: no-such -x: command not found. Arguments are given separately from the command\n'],
  [127, [join(folder, 'hollow')], /hollow: cannot be run \(its interpreter or a library is missing\)\n$/],
  [127, ['./no-such-file'], 'tripline: ./no-such-file: command not found\n'],
]

// Wrong arguments, and the message for each.
const WRONG: readonly [args: readonly string[], says: string | RegExp][] = [
  [[], /^tripline: Say what to do: .*\n$/],
  [['rum'], "tripline: Unknown command 'rum'. Did you mean 'run'?\n"],
  [['run'], /^tripline: Say which command to run: .*\n$/],
  [['run', '--memroy', '5MB', 'true'], "tripline: Unknown option '--memroy'. Did you mean '--memory'?\n"],
  [['run', '--timeout'], 'tripline: --timeout needs a value: --timeout D\n'],
  [['run', '--timeout', 'soon', 'true'], /^tripline: --timeout must be a duration such as .*; received 'soon'\n$/],
  [['run', '--timeout=1', '--timeout=2', 'true'], 'tripline: --timeout was given twice\n'],
  [['run', '--dry-run=yes', 'true'], "tripline: --dry-run takes no value; received 'yes'\n"],
  [['run', '--wait', '1', 'true'], 'tripline: --wait needs --start-when or --reserve, which it limits\n'],
  [['run', '--on-breach', 'cry', 'true'], "tripline: --on-breach must be term, pause or kill; received 'cry'\n"],
  [['run', '--signal', 'TERMM', 'true'], /^tripline: Unknown signal 'TERMM'. Did you mean 'TERM'\?/],
  [['run', '-t', '5', 'true'], "tripline: Unknown option '-t'. With one letter there are -s, -k, -q, -v, -h\n"],
  [['run', '--time', '5', 'true'], "tripline: Unknown option '--time'. Did you mean '--timeout'?\n"],
  [['--hlep'], "tripline: Unknown option '--hlep'. Did you mean '--help'?\n"],
  [['version'], "tripline: Unknown command 'version'. Did you mean '--version'?\n"],
  [['-v'], "tripline: Unknown option '-v'. Did you mean '--version'?\n"],
  [['hlep'], "tripline: Unknown command 'hlep'. Did you mean 'help'?\n"],
  [['help', 'rnu'], "tripline: Unknown command 'rnu'. Did you mean 'run'?\n"],
  [['run', '-s', '99', 'true'], /^tripline: --signal must be a name such as TERM, or its number; received '99'\n$/],
  [['run', '-s', '33', 'true'], /^tripline: --signal must be a name such as TERM, or its number; received '33'\n$/],
  [['run', '-s', 'RTMIN+31', 'true'], /^tripline: Unknown signal 'RTMIN\+31'/],
  [['run', '--exit-code', '256', 'true'], /^tripline: --exit-code must be a number from 0 to 255; received '256'\n$/],
  [['run', '--exit-code', '1', '--gnu-status', 'true'], 'tripline: --exit-code and --gnu-status exclude each other\n'],
  [['run', '--memory', '500', 'true'], /a size with its unit, such as '150MB'.*\n {2}--memory 500\n {11}\^\n$/],
  [['run', '--limit', 'heap>0.01', 'true'], /'heap' is known inside a program only.*\n {2}heap>0\.01\n {2}\^\n$/],
  [['run', '--start-when', 'eventLoop.delay<5ms', 'true'], /'eventLoop\.delay' is known inside a program only/],
  [['run', '--start-when', 'process.rss>1MB', 'true'], /no command yet; name a process, as in 'process\.rss\(123\)'/],
  [['run', '--limit', 'temprature>80', 'true'], /Did you mean 'temperature'\?\n {2}temprature>80\n {2}\^\n$/],
  [['run', '--limit', 'memory>>80', 'true'], /expected a percentage from 0 to 100\n {2}memory>>80\n {9}\^\n$/],
  [['run', '--limit', 'memory>80% fro 2s', 'true'], /expected 'for', .*\n {2}memory>80% fro 2s\n {13}\^\n$/],
  [['run', '--limit', '', 'true'], "tripline: Expected a limit such as 'memory>90%'; received an empty one\n"],
  [['run', '--start-when', ' ', 'true'], "tripline: Expected a limit such as 'memory>90%'; received an empty one\n"],
  [['run', '--report', '/no/such/folder/r', 'true'], /^tripline: --report cannot be written: ENOENT/],
  [['watch', '--intreval', '1'], /Did you mean '--interval'\?/],
]

describe('tripline run exits', () => {
  it('with the statuses of the manual', () => {
    const manual = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')
    const [, table = ''] = manual.split('| exit status | |')
    const listed = [...table.split('\n\n')[0]!.matchAll(/^\| (\d+)/gm)].map((match) => Number(match[1]))
    const { ok: _, ...others } = EXIT
    expect(new Set(listed)).toEqual(new Set<number>(Object.values(others)))
    // Each of them is caused by a row above.
    const caused = new Set(TABLE.map(([status]) => status))
    expect(listed.filter((status) => status !== EXIT.signalBase && !caused.has(status))).toEqual([])
  })

  it.concurrent.each(TABLE)('with %i: %j', async (status, args, stderr) => {
    const outcome = await tripline('run', ...args)
    if (typeof stderr === 'string') expect(outcome.stderr).toBe(stderr)
    else expect(outcome.stderr).toMatch(stderr)
    expect([outcome.code, outcome.stdout]).toEqual([status, ''])
  })

  it.concurrent.each(WRONG)('with 125 and one clear line: %j', async (args, says) => {
    const outcome = await tripline(...args)
    if (typeof says === 'string') expect(outcome.stderr).toBe(says)
    else expect(outcome.stderr).toMatch(says)
    expect([outcome.code, outcome.stdout]).toEqual([125, ''])
  })

  it('with 125 without starting anything for a metric that does not exist', async () => {
    const file = join(folder, 'started')
    const outcome = await tripline('run', '--limit', 'battery<5', '--limit', 'process.rss(4194303)>1GB', 'touch', file)
    expect(outcome.code).toBe(125)
    expect(() => readFileSync(file)).toThrow('ENOENT')
  })
})

describe('tripline run in scripts', () => {
  it('follows --on-missing for a metric that does not exist', async () => {
    const [error, ignore, breach] = await Promise.all(
      [[], ['--on-missing', 'ignore'], ['--on-missing=breach']].map((args) =>
        tripline('run', '--limit', 'network.rx(nonesuch)>1MB', ...args, 'sleep', '.3'),
      ),
    )
    expect([error!.code, ignore!.code, breach!.code]).toEqual([125, 0, 123])
    expect(error!.stderr).toMatch(
      /no interface "nonesuch"; there is .*lo.*\. With --on-missing ignore, that is no error\n$/,
    )
    expect(ignore!.stderr).toBe('')
    expect(breach!.stderr).toMatch(/network\.rx\(nonesuch\) is missing/)
  })

  it('follows --on-missing for a condition of the start', async () => {
    const missing = ['--start-when', 'network.rx(nonesuch)<1MB']
    const outcomes = await Promise.all(
      [
        missing,
        [...missing, '--wait', '0.2', '--on-missing', 'ignore'],
        [...missing, '--start-when', 'memory<100', '--wait', '20', '--on-missing', 'ignore'],
        [...missing, '--wait', '20', '--on-missing', 'breach'],
      ].map((args) => tripline('run', ...args, 'true')),
    )
    expect(outcomes.map((each) => each.code)).toEqual([125, 122, 0, 0])
    expect(outcomes[0]!.stderr).toMatch(/no interface "nonesuch"; there is .*lo/)
  })

  it('leaves stdout and stdin to the command', async () => {
    const outcome = await shell('echo hello | tripline run --timeout 20 -v -- cat')
    expect([outcome.code, outcome.stdout]).toEqual([0, 'hello\n'])
    expect(outcome.stderr).toMatch(/^tripline: started cat/)
  })

  it('is silent when its reader goes away, and fails under pipefail as the command would', async () => {
    const outcome = await shell('set -o pipefail; tripline run yes | head -1; echo "${PIPESTATUS[@]}"')
    expect(outcome.stdout).toBe('y\n141 0\n')
    expect(outcome.stderr).toBe('')
  })

  it('passes on the descriptors that a shell makes for <(...) and >(...), and no others', async () => {
    const outcome = await shell(`tripline run cat <(echo one) <(echo two) && tripline run tee >(cat >&2) <<< three
      tripline run sh -c 'ls /proc/self/fd | wc -l' && tripline run sh -c 'ls /proc/self/fd | wc -l' <(:)`)
    // ls has 0, 1, 2 and the folder itself.
    expect(outcome.stdout).toBe('one\ntwo\nthree\n4\n5\n')
    expect(outcome.stderr).toBe('three\n')
  })

  it('relays output while it watches for silence, until the reader goes away', async () => {
    const outcome = await shell('tripline run --idle-output 20 yes | head -c 1000000 | wc -c; echo "${PIPESTATUS[0]}"')
    expect(outcome.stdout).toBe('1000000\n141\n')
    const whole = await shell('tripline run --idle-output 20 seq 200000 | cksum; seq 200000 | cksum')
    expect(new Set(whole.stdout.trim().split('\n')).size).toBe(1)
  })

  it('runs a script without an interpreter line, as a shell does', async () => {
    writeFileSync(join(folder, 'script'), 'echo script "$1"; exit 5\n', { mode: 0o755 })
    const outcome = await tripline('run', join(folder, 'script'), 'a b')
    expect([outcome.code, outcome.stdout]).toEqual([5, 'script a b\n'])
  })

  it('works with git bisect: a commit that takes too long is bad', async () => {
    const outcome = await shell(`cd ${folder} && git init -q . && git config user.email a@b && git config user.name a
      for i in 1 2 3 4 5 6; do echo $i > n; git add n; git commit -qm $i; done
      git bisect start; git bisect bad HEAD; git bisect good HEAD~5
      git bisect run ${process.execPath} ${CLI} \\
        run -q --timeout 0.3 sh -c 'test $(cat n) -lt 4 || sleep 60' `)
    expect(outcome.stdout).toContain('is the first bad commit')
    expect(outcome.stdout).toMatch(/^ {4}4$/m)
  })

  it('writes a report to stdout, after the output of the command', async () => {
    const outcome = await shell('tripline run --report - echo first | cat')
    expect(outcome.stdout.slice(0, 6)).toBe('first\n')
    expect(JSON.parse(outcome.stdout.slice(6))).toMatchObject({ command: ['echo', 'first'], status: 0 })
  })

  it('writes a report that only its owner can read, through no link and to no pipe that nothing reads', async () => {
    symlinkSync(place('target'), place('link'))
    execFileSync('mkfifo', [place('pipe')])
    expect((await tripline('run', '-q', '--report', place('own'), 'true')).code).toBe(0)
    expect(statSync(place('own')).mode & 0o777).toBe(0o600)
    const link = await tripline('run', '--report', place('link'), 'touch', place('ran'))
    expect(link.stderr).toContain(
      `--report cannot be written: ${place('link')} is a symbolic link, which is not followed`,
    )
    const pipe = await tripline('run', '--report', place('pipe'), 'touch', place('ran'))
    expect(pipe.stderr).toMatch(/--report cannot be written: ENXIO/)
    for (const name of ['target', 'ran']) expect(existsSync(place(name))).toBe(false)
    // What a shell substitutes for >(command), and a pipe with a reader.
    const { stdout } = await shell(
      `tripline run --report >(cat) true; wait; cat ${place('pipe')} & tripline run --report ${place('pipe')} true; wait`,
    )
    expect(stdout.match(/"command"/g)).toHaveLength(2)
  })

  it('writes a report', async () => {
    const file = join(folder, 'report.json')
    await tripline('run', '-q', '--report', file, '--procs', '2', 'sh', '-c', 'sleep 60 & sleep 60 & wait')
    const report = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    expect(report).toMatchObject({
      command: ['sh', '-c', 'sleep 60 & sleep 60 & wait'],
      status: 123,
      reason: { kind: 'limit', metric: 'process.count', value: 3, limit: 2, unit: 'count' },
      ended: 3,
      left: 0,
      killed: false,
      peaks: { processes: 3 },
    })
    expect(report['reason']).not.toHaveProperty('selector')
    expect(report['endedIn']).toBeGreaterThan(0)
  })

  it('names the disk of a limit, on stderr and in the report', async () => {
    const file = join(folder, 'disk.json')
    const { stderr } = await tripline('run', '--report', file, '--limit', 'disk.free(/)<1000000TB', 'sleep', '60')
    expect(stderr).toMatch(/: disk\.free\(\/\) [\d.]+\w+ < /)
    const { reason } = JSON.parse(readFileSync(file, 'utf8')) as { reason: object }
    expect(reason).toMatchObject({ kind: 'limit', metric: 'disk.free', selector: { path: '/' } })
  })
  it.each([
    [127, ['no-such-command'], 'no-such-command: command not found'],
    [125, ['--limit', 'process.rss(4194303)>1GB', 'true'], /process\.rss/],
    [122, ['--start-when', 'memory>99.99', '--wait', '0.1', 'true'], /did not hold in time/],
  ])('writes a report with status %i for a command that was not started', async (status, args, message) => {
    const file = join(folder, `never-${status}.json`)
    await tripline('run', '--report', file, ...args)
    const report = JSON.parse(readFileSync(file, 'utf8')) as { reason: { message: string } }
    expect(report).toMatchObject({ command: args.slice(-1), status, reason: { kind: 'not-started' } })
    expect(report.reason.message).toMatch(message)
  })

  it('passes on arguments, variables and paths that are not UTF-8, byte for byte', async () => {
    const outcome = await shell(`cd ${folder}
      printf '#!/bin/sh\\nprintf "%%s|%%s" "$1" "$X"' > $'p\\xff'; chmod +x $'p\\xff'
      X=$'\\xc3\\xa9\\xfe' tripline run $'./p\\xff' $'a\\xff\\xc3\\xa9\\xf0\\x9f\\x98\\x80\\xc3' | od -An -tx1 | tr -d ' \\n'`)
    expect(outcome.stdout).toBe('61ffc3a9f09f9880c37cc3a9fe')
  })

  it.each(['--help', 'doctor', 'completion bash', 'watch --once'])(
    'ends quietly when the reader of %s is gone, and says when its output cannot be written',
    async (words) => {
      const gone = await shell(`set -o pipefail; tripline ${words} | true`)
      expect([gone.code, gone.stderr]).toEqual([0, ''])
      const full = await shell(`tripline ${words} > /dev/full`)
      expect(full.code).toBe(125)
      expect(full.stderr).toMatch(/^tripline: cannot write to stdout: ENOSPC.*\n$/)
    },
  )
})
