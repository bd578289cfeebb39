/** Commands that are run again, held to a share of CPU time, or that leave daemons behind. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { runModule } from '../helpers/child.js'
import { makeTag, processesWith, tripline } from '../helpers/cli.js'
import { eventually } from '../helpers/eventually.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-restart-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('a command that a limit has ended', () => {
  it('is run again as often as asked, with the reason in each line', async () => {
    const { code, stderr } = await tripline('run', '--restart=2', '--backoff', '10ms', '--timeout', '.2', 'sleep', '60')
    expect(code).toBe(124)
    const lines = stderr.trimEnd().split('\n')
    expect(lines).toHaveLength(3)
    for (const line of lines) expect(line).toMatch(/^tripline: ended sleep .*: time limit of 200ms; sent TERM/)
    expect(lines[0]).toMatch(/; restart 1 of 2 in 10ms$/)
    expect(lines[1]).toMatch(/; restart 2 of 2 in 20ms$/)
    expect(lines[2]).not.toContain('restart')
  })

  it('is run until it ends by itself, whose status counts', async () => {
    const [first, second] = [join(folder, 'first'), join(folder, 'second')]
    // Without other processes, which would count.
    const script = `[ -e ${second} ] && exit 3; [ -e ${first} ] && : > ${second}; : > ${first}; sleep 60 & sleep 60 & wait`
    const report = join(folder, 'report.json')
    const limits = ['--restart', '--backoff', '0', '--limit', 'process.count>2', '--report', report]
    const { code } = await tripline('run', ...limits, 'sh', '-c', script)
    expect(code).toBe(3)
    expect(JSON.parse(readFileSync(report, 'utf8'))).toMatchObject({ restarts: 2, status: 3, reason: null })
  })

  it('is not run again if it ended by itself, or if a signal ended it', async () => {
    expect((await tripline('run', '--restart', 'sh', '-c', 'exit 4')).code).toBe(4)
    expect((await tripline('run', '--restart', 'sh', '-c', 'kill -TERM $$')).code).toBe(143)
  })

  it('is not run again after a cancelation during the wait', async () => {
    const { stdout, stderr } = await runModule(`
      const events = []
      const token = new tripline.CancelationToken()
      const onEvent = (event) => { events.push(event.kind); if (event.kind === 'restarting') token.cancel() }
      const result = await tripline.run('sleep', ['60'], { timeout: 50, restart: true, backoff: '1h', token, onEvent })
      console.log(JSON.stringify([events, result.restarts, result.reason.kind, result.status]))`)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual([['started', 'ending', 'restarting'], 0, 'timeout', 124])
  })

  it.each([
    ['{ restart: -1 }', 'ERR_OUT_OF_RANGE'],
    ['{ restart: 1.5 }', 'ERR_OUT_OF_RANGE'],
    ["{ restart: '3' }", 'ERR_INVALID_ARG_TYPE'],
    ['{ restart: true, capture: true }', 'ERR_INVALID_ARG_VALUE'],
    ["{ restart: 1, stdio: ['ignore', 'pipe', 'inherit'] }", 'ERR_INVALID_ARG_VALUE'],
    ['{ backoff: -1 }', 'ERR_OUT_OF_RANGE'],
    ['{ cpuShare: 0 }', 'ERR_OUT_OF_RANGE'],
    ["{ cpuShare: 'half' }", 'ERR_INVALID_ARG_VALUE'],
    ['{ keep: 1 }', 'ERR_INVALID_ARG_TYPE'],
    ["{ keep: true, idleOutput: '1s' }", 'ERR_INVALID_ARG_VALUE'],
  ])('is not started with %s', async (options, code) => {
    const { stdout } = await runModule(`
      await tripline.run('sleep', ['60'], ${options}).catch((error) => console.log(error.code))`)
    expect(stdout).toBe(`${code}\n`)
  })

  it.each([
    [['--restart=x'], /^tripline: --restart must be a number such as --restart=3; received 'x'\n$/],
    [['--restart='], /^tripline: --restart= has no value; it is --restart=N or --restart\n$/],
    [['--backoff', '1'], /^tripline: --backoff needs --restart/],
    [['--cpu-share', '0'], /^tripline: --cpu-share must be a percentage of one CPU such as 50; received '0'\n$/],
    [['--keep', '--idle-output', '1'], /^tripline: --keep and --idle-output exclude each other\n$/],
  ])('is not started with %j', async (args, says) => {
    const { code, stderr } = await tripline('run', ...args, 'true')
    expect(code).toBe(125)
    expect(stderr).toMatch(says)
  })
})

describe('a share of CPU time', () => {
  it('is held, while the timeout goes on', async () => {
    const report = join(folder, 'share.json')
    const args = ['-q', '--cpu-share', '20%', '--timeout', '3', '--report', report]
    const { code } = await tripline('run', ...args, 'sh', '-c', 'while :; do :; done & while :; do :; done')
    expect(code).toBe(124)
    const { cpuTime, duration } = JSON.parse(readFileSync(report, 'utf8')) as { cpuTime: number; duration: number }
    // Without it, this would be 1 to 2.
    expect(cpuTime / duration).toBeLessThan(0.5)
  })
})

describe('what a command leaves behind', () => {
  it('is left alone with --keep when the command ends, even if it was just paused', async () => {
    const tag = makeTag()
    const line = `setsid sh -c 'echo up > ${folder}/up; exec sleep ${tag}' > /dev/null 2>&1 & until [ -e ${folder}/up ]; do :; done; exit 5`
    const { code, stderr } = await tripline('run', '--keep', '--cpu-share', '20', 'sh', '-c', line)
    expect([code, stderr]).toEqual([5, ''])
    expect(existsSync(join(folder, 'up'))).toBe(true)
    const [kept] = processesWith(tag)
    expect(kept).toBeGreaterThan(0)
    expect(readFileSync(`/proc/${kept}/stat`, 'utf8')).not.toMatch(/\) T/)
    process.kill(kept!, 'SIGKILL')
  })

  it('is ended with --keep too if a limit ends the command', async () => {
    const tag = makeTag()
    const line = `setsid sleep ${tag} & sleep ${tag}`
    expect((await tripline('run', '-q', '--keep', '--timeout', '.5', 'sh', '-c', line)).code).toBe(124)
    await eventually(() => processesWith(tag).length === 0)
  })
})
