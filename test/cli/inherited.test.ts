/** What a command inherits under `tripline run`: limits, descriptors and the environment. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { CLI, runCommand } from '../helpers/child.js'
import { shell } from '../helpers/cli.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-inherited-'))
afterAll(() => rmSync(folder, { recursive: true }))

const NODE = JSON.stringify(process.execPath)
// Prints which descriptors are open on the file "given".
const OPEN = `bash -c 'echo $(find /proc/self/fd -lname "*/given" -printf "%f\\n" | sort -n)' bash`

describe('tripline run passes on', () => {
  it('the soft limit on open files as it was before Node raised it, through nested runs too', async () => {
    const { stdout } = await shell(`ulimit -Sn 200
      tripline run sh -c "ulimit -Sn; ulimit -Hn"; ulimit -Hn
      tripline run sh -c "ulimit -Sn"
      tripline run ${NODE} dist/cli/main.js run sh -c 'ulimit -Sn'`)
    const [soft, hard, hardBefore, ...others] = stdout.trim().split('\n')
    expect([soft, hard, ...others]).toEqual(['200', hardBefore, '200', '200'])
  })

  it.each([
    ['--fd', '--fd 3 --fd 7', '', '3 7'],
    ['LISTEN_FDS', '', 'LISTEN_FDS=2', '3 4'],
    ['an argument', '', '', '5', '/dev/fd/5'],
    ['a wrong LISTEN_FDS', '', 'LISTEN_FDS=-1', ''],
  ])('descriptors that are named by %s, and no others', async (_what, options, variables, passed, ...args) => {
    const file = join(folder, 'given')
    const line = `exec 3>${file} 4>${file} 5>${file} 7>${file}; ${variables} tripline run ${options} ${OPEN}`
    const { stdout, stderr } = await shell([line, ...args].join(' '))
    expect([stdout, stderr]).toEqual([`${passed}\n`, ''])
  })

  it.each([
    ['one that is closed', '--fd 9', '--fd 9: this descriptor is not open'],
    ["one of Node's own", '--fd 3 --fd 4 --fd 5', '--fd 3: this descriptor is not open'],
    ['one that is no number', '--fd x', "--fd must be a descriptor from 3 on; received 'x'"],
    ['a standard stream', '--fd 1', "--fd must be a descriptor from 3 on; received '1'"],
  ])('no descriptor but exits with 125 if --fd names %s', async (_what, options, message) => {
    const { code, stderr } = await shell(`exec 3>&- 4>&- 5>&- 9>&-; tripline run ${options} touch ${folder}/never`)
    expect([code, stderr]).toEqual([125, `tripline: ${message}\n`])
  })

  it('a pipe for which there is another descriptor of the same end', async () => {
    const { stdout } = await shell(`tripline run --fd 8 --fd 9 sh -c 'echo 8 >&8; echo 9 >&9' 8>&1 9>&1 | cat
      { tripline run --fd 8 --fd 9 sh -c 'echo 8 >&8; echo 9 >&9' > /dev/null; } 8> >(cat) 9>&8 | cat`)
    expect(stdout).toBe('8\n9\n8\n9\n')
  })

  it('LISTEN_PID as the process id of the command, if it was that of tripline', async () => {
    const { stdout } = await shell(`exec 3>/dev/null
      show='echo $$ $LISTEN_PID $LISTEN_FDS'
      LISTEN_FDS=1 sh -c 'export LISTEN_PID=$$; exec "$@"' - ${NODE} ${JSON.stringify(CLI)} run sh -c "$show"
      LISTEN_FDS=1 LISTEN_PID=1 tripline run sh -c "$show"`)
    const [own, foreign] = stdout.trim().split('\n')
    expect(own).toMatch(/^(\d+) \1 1$/)
    expect(foreign).toMatch(/^\d+ 1 1$/)
  })

  it('each entry of the environment as it is, with its place, and with changes', async () => {
    const entries = [
      'A=1',
      'NO-EQUALS',
      'B=\\xff\\xfe',
      'C\\xc3=x',
      'A=2',
      'B=\\xff',
      '=',
      'CHANGED=1',
      'CHANGED=2',
      'GONE=1',
    ]
    // execve takes any list of entries.
    const start = `import ctypes, sys
libc = ctypes.CDLL(None)
def texts(each): return (ctypes.c_char_p * (len(each) + 1))(*each, None)
entries = [${entries.map((each) => `b"${each}"`).join()}, b"PATH=/usr/bin:/bin"]
libc.execve(sys.argv[1].encode(), texts([each.encode() for each in sys.argv[1:]]), texts(entries))`
    writeFileSync(
      join(folder, 'changes.cjs'),
      "delete process.env.GONE; process.env.CHANGED = '3'; process.env.ADDED = '4'",
    )
    const command = [process.execPath, '-r', join(folder, 'changes.cjs'), CLI, 'run', 'cat', '/proc/self/environ']
    const { stdout } = await runCommand('sh', [
      '-c',
      '"$@" | od -An -c -v -w1 | tr -d " \\n"',
      '-',
      'python3',
      '-c',
      start,
      ...command,
    ])
    const [, kept] = /^(.*)TRIPLINE_RUN=/.exec(stdout.replaceAll('\\0', '\n').replace(/\n/g, '|'))!
    expect(kept).toBe('A=1|NO-EQUALS|B=377376|C303=x|A=2|B=377|=|CHANGED=3|PATH=/usr/bin:/bin|ADDED=4|')
  })

  it("make's jobserver, to commands to which make has passed it", async () => {
    const tripline = `${NODE} ${JSON.stringify(CLI)} run`
    writeFileSync(
      join(folder, 'Makefile'),
      `SHELL = /bin/bash
# All four must run at once: each waits for the others.
all: a b c d
a b c d:
\t@touch here.$@; for i in $$(seq 1000); do set -- here.?; [ $$# = 4 ] && exit 0; sleep 0.02; done; exit 1
passed:
\t+@${tripline} $(MAKE) --no-print-directory all
nested:
\t+@${tripline} ${tripline} $(MAKE) --no-print-directory all
kept:
\t@${tripline} ls /proc/self/fd
`,
    )
    const make = (goal: string): ReturnType<typeof shell> => shell(`cd ${folder}; rm -f here.*; make -j4 -s ${goal}`)
    expect(await make('passed')).toMatchObject({ code: 0, stderr: '' })
    expect(await make('nested')).toMatchObject({ code: 0, stderr: '' })
    // make names its descriptors here too, but has closed them: their numbers now belong to Node. ls opens one itself.
    expect(await make('kept')).toMatchObject({ stdout: '0\n1\n2\n3\n', stderr: '' })
  })
})
