/** `tripline demo`, as it is seen in a pipe, on a terminal, and on a machine that has little. */
import { describe, expect, it } from 'vitest'
import { CLI, runCommand } from '../helpers/child.js'
import { NO_TERMINAL, Terminal, tripline } from '../helpers/cli.js'
import { FakeMachine } from '../helpers/fake-machine.js'

const LIMIT = 60_000

const demo = (env: NodeJS.ProcessEnv = process.env) =>
  runCommand(process.execPath, [CLI, 'demo'], { env, limit: LIMIT })

/** The lines that are too long for a terminal of 80 columns, but for the one that explain prints to be copied. */
function tooLong(output: string): string[] {
  return output.split('\n').filter((line) => line.length > 80 && !line.startsWith('import { describeBreach, guard }'))
}

describe.concurrent('tripline demo', () => {
  it('shows what ends a job, a blocked loop, a command and a process', { timeout: LIMIT }, async () => {
    const { code, stdout, stderr } = await demo()
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/✗ process\.rss [\d.]+MB > [\d.]+MB\n/)
    expect(stdout).toMatch(/✗ eventLoop\.delay .* > 200ms in isSentence \(loop\.js:\d+:\d+\)\n/)
    expect(stdout).toMatch(/✗ Timed out after 1s; the call has ended after \d+ ms\n/)
    expect(stdout).toContain('AbortSignal.timeout(300) beside it: aborted is false.')
    expect(stdout).toMatch(/✗ process\.footprint [\d.]+MB > 160(?:\.0+)?MB\n {2}Sent SIGTERM; 3 processes have ended/)
    expect(stdout).toMatch(/it left no mark, as with SIGKILL/)
    expect(stdout).toMatch(/nightly import +\d+%/)
    expect(stdout).toMatch(/A guard that would have acted in time/)
    // Plain, in a pipe.
    expect(stdout).not.toContain('\u001B')
    expect(tooLong(stdout)).toEqual([])
    // The code is shown that runs.
    expect(stdout.match(/^ {4}(?:async )?function/gm)).toHaveLength(4)
    expect(stdout).toContain('const work = (cancel) => cancel.preemptible(() => isSentence(TEXT))')
  })

  it('says so without the addon', async () => {
    const { code, stdout } = await demo({ ...process.env, TRIPLINE_ADDON: '/nonexistent' })
    expect(code).toBe(1)
    expect(stdout).toMatch(/^tripline cannot load its compiled addon/)
    expect(tooLong(stdout)).toEqual([])
  })

  it('takes no arguments', async () => {
    expect(await tripline('demo', 'more')).toMatchObject({
      code: 125,
      stderr: "tripline: tripline demo takes no arguments; received 'more'\n",
    })
  })
})

// Not beside others: the machine is in this process's environment meanwhile.
it('tripline demo needs no sensors, control groups or pressure', { timeout: LIMIT }, async () => {
  using machine = new FakeMachine()
  const env = { ...process.env, HOST_PROC: `${machine.root}/proc`, HOST_SYS: `${machine.root}/sys` }
  const { code, stdout, stderr } = await demo(env)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('in isSentence (loop.js:')
  expect(stdout).toMatch(/nightly import +\d+%/)
})

describe.skipIf(NO_TERMINAL !== undefined).concurrent('tripline demo on a terminal', () => {
  const command = [process.execPath, CLI, 'demo']

  it('has colors', { timeout: LIMIT }, async () => {
    using terminal = new Terminal(command)
    expect(await terminal.ended).toBe(0)
    expect(terminal.output).toContain('\u001B[31m✗ process.rss')
    expect(terminal.output).toContain('\u001B[1mOne operation was under way')
  })

  it('has none with NO_COLOR', { timeout: LIMIT }, async () => {
    using terminal = new Terminal(command, { NO_COLOR: '1' })
    expect(await terminal.ended).toBe(0)
    expect(terminal.output).toContain('✗ process.rss')
    expect(terminal.output).not.toContain('\u001B[31m')
  })
})
