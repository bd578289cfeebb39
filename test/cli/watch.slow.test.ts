/** `tripline watch` on a terminal and in a pipe. */
import { describe, expect, it } from 'vitest'
import { NO_TERMINAL, Terminal, onTerminal, shell, tripline } from '../helpers/cli.js'
import { CLI } from '../helpers/child.js'
import { FakeMachine } from '../helpers/fake-machine.js'

const ESCAPE = '\u001B'
const TAKEN = '\u001B[?1049h'
const GIVEN_BACK = '\u001B[?25h\u001B[?1049l'

const watch = (...args: string[]): Terminal => onTerminal('watch', '--interval', '200ms', ...args)

if (NO_TERMINAL !== undefined) console.log(`skipped: ${NO_TERMINAL}`)

describe.skipIf(NO_TERMINAL !== undefined)('tripline watch on a terminal', () => {
  it('shows metrics and limits, and ends with q', async () => {
    using terminal = watch('--limit', 'memory>0.1', '--limit', 'memory.host>99.9', 'memory', 'load')
    await terminal.shows(TAKEN)
    await terminal.shows(/metric.*now.*limit/)
    await terminal.shows(/\[31mmemory +\d+\.\d% .*>0\.1 breached/)
    await terminal.shows(/memory\.host .*>99\.9 clear/)
    await terminal.shows(/sampler \d+\.\d+% CPU, \d+ wake-ups\/s/)
    terminal.type('q')
    expect(await terminal.ended).toBe(0)
    expect(terminal.output.endsWith(GIVEN_BACK)).toBe(true)
  })

  it('pauses with p, explains with ?', async () => {
    using terminal = watch('memory')
    await terminal.shows('p pause')
    terminal.type('p')
    await terminal.shows('paused')
    terminal.type('?')
    await terminal.shows('the last 60 samples')
    terminal.type('p')
    terminal.type('q')
    expect(await terminal.ended).toBe(0)
  })

  it('follows the size of the terminal', async () => {
    using terminal = watch('memory', 'memory.host', 'load', 'disk')
    await terminal.shows('q end')
    terminal.resize(6, 30)
    await terminal.shows('more lines')
    const frame = terminal.output.slice(terminal.output.lastIndexOf('\u001B[H'))
    const lines = frame
      .replaceAll(ESCAPE, '')
      .replaceAll(/\[[?\d]*[A-Za-z]/g, '')
      .split(/[\r\n]+/)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(30)
    terminal.type('q')
    expect(await terminal.ended).toBe(0)
  })

  it.each([
    ['Ctrl-C', (terminal: Terminal) => terminal.type('\u0003'), 130],
    ['SIGTERM', (terminal: Terminal) => terminal.signal(15), 143],
    ['SIGHUP', (terminal: Terminal) => terminal.signal(1), 129],
  ])('gives the terminal back on %s', async (_name, end, status) => {
    using terminal = watch('memory')
    await terminal.shows('q end')
    end(terminal)
    expect(await terminal.ended).toBe(status)
    expect(terminal.output).toContain(GIVEN_BACK)
  })

  it('restores the terminal after a crash', async () => {
    const crash = `setTimeout(() => { throw new Error('on purpose') }, 1500)`
    const preload = `data:text/javascript,${encodeURIComponent(crash)}`
    using terminal = new Terminal([process.execPath, '--import', preload, CLI, 'watch', 'memory'])
    await terminal.shows('q end')
    await terminal.shows('on purpose')
    expect(await terminal.ended).toBe(1)
    const back = terminal.output.lastIndexOf(GIVEN_BACK)
    expect(back).toBeGreaterThan(terminal.output.lastIndexOf(TAKEN))
  })

  it('is suspended by Ctrl-Z and comes back', async () => {
    using terminal = new Terminal(['bash', '--norc', '-i'])
    terminal.type(`${process.execPath} ${CLI} watch memory\r`)
    await terminal.shows('q end')
    terminal.type('\u001A')
    await terminal.shows('Stopped')
    terminal.type('fg\r')
    await terminal.shows(/Stopped[^]*\[\?1049h[^]*q end/)
    terminal.type('q')
    await terminal.shows(/Stopped[^]*1049h[^]*1049l/)
    terminal.type('exit\r')
    expect(await terminal.ended).toBe(0)
  })

  it('has no color with NO_COLOR', async () => {
    using terminal = new Terminal([process.execPath, CLI, 'watch', '--limit', 'memory>0.1'], { NO_COLOR: '1' })
    await terminal.shows('breached')
    terminal.type('q')
    await terminal.ended
    expect(terminal.output.replaceAll(ESCAPE, '')).not.toMatch(/\[\d+m/)
  })

  it('fits a terminal of two lines', async () => {
    using terminal = watch('memory', 'load')
    await terminal.shows('q end')
    terminal.resize(2, 40)
    await terminal.shows(/1049h[^]*more lines[^\n]*\[J/)
    const frame = terminal.output.slice(terminal.output.lastIndexOf('\u001B[H'))
    expect(frame.split('\n').length).toBe(2)
    terminal.type('q')
    expect(await terminal.ended).toBe(0)
  })

  it.each(['dumb', ''])('prints plain lines on a terminal that is %j', async (term) => {
    using terminal = new Terminal([process.execPath, CLI, 'watch', '--for', '0.5', 'memory'], { TERM: term })
    expect(await terminal.ended).toBe(0)
    expect(terminal.output).toMatch(/^\d\d:\d\d:\d\d {2}memory \d+\.\d%\r\n/)
    expect(terminal.output).not.toContain(ESCAPE)
  })

  it('stops by itself', async () => {
    using terminal = watch('--for', '0.5', 'memory')
    expect(await terminal.ended).toBe(0)
  })
})

describe('tripline watch elsewhere', () => {
  it('prints plain lines', async () => {
    const outcome = await tripline('watch', '--interval', '.1', '--for', '.3', '--limit', 'memory>0.1', 'memory.host')
    expect(outcome.code).toBe(0)
    expect(outcome.stdout).toMatch(/^(\d\d:\d\d:\d\d {2}memory \d+\.\d% >0\.1 \w+ {2}memory\.host \d+\.\d%\n)+$/)
  })

  it('takes the last sample when its time is up, counted from the first sample, which waits for shares over time', async () => {
    const outcome = await tripline('watch', '--interval', '2', '--for', '2', 'cpu')
    expect(outcome.stdout.split('\n').length - 1).toBe(2)
  })

  it('shows metrics with their selectors, the plain one beside them', async () => {
    const words = ['disk(/)', 'disk', `process.rss(${process.pid})`, 'network.rx(lo)', 'disk(/tmp)']
    const outcome = await tripline(
      'watch',
      '--json',
      '--interval',
      '.1',
      '--for',
      '.2',
      '--limit',
      'disk(/)<0',
      ...words,
    )
    const [first] = outcome.stdout.split('\n').map((line) => JSON.parse(line || '{}') as { metrics: object })
    expect(Object.keys(first!.metrics)).toEqual(['disk(/)', 'disk', words[2], 'network.rx(lo)', 'disk(/tmp)'])
    for (const value of Object.values(first!.metrics)) expect(value).toEqual(expect.any(Number))
    const once = await tripline('watch', '--once', 'disk(/)', words[2]!)
    expect(once.stdout).toMatch(/^disk\(\/\) +\d+\.\d% {2}.*\nprocess\.rss\(\d+\) +\d/)
  })

  it('keeps missing metrics in the list if --on-missing says so, with the state of their limits', async () => {
    const words = ['--interval', '.1', '--for', '.2', '--json', '--limit', 'network.rx(nonesuch)>1MB']
    for (const [onMissing, state, more] of [
      ['breach', 'breached', []],
      ['ignore', 'clear', ['memory', 'network.tx(nonesuch)']],
    ] as const) {
      const outcome = await tripline('watch', '--on-missing', onMissing, ...words, ...more)
      const last = JSON.parse(outcome.stdout.trim().split('\n').at(-1)!) as Record<string, object>
      expect(last).toMatchObject({
        metrics: { 'network.rx(nonesuch)': null },
        limits: [{ metric: 'network.rx(nonesuch)', state }],
        unavailable: { 'network.rx(nonesuch)': expect.stringMatching(/no interface "nonesuch"/) as string },
      })
      expect(outcome.code).toBe(0)
    }
  })

  it('respects COLUMNS', async () => {
    const outcome = await shell('COLUMNS=20 tripline watch --interval .1 --for .2 memory memory.host')
    expect(outcome.stdout).toMatch(/^(.{1,20}\n)+$/)
  })

  it('prints one object per line, with the same keys in each', async () => {
    const outcome = await tripline(
      'watch',
      '--json',
      '--interval',
      '.1',
      '--for',
      '.4',
      '--limit',
      'memory>99.9',
      'disk',
    )
    const objects = outcome.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(objects.length).toBeGreaterThan(1)
    for (const each of objects) {
      expect(each).toMatchObject({
        at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
        metrics: { memory: expect.any(Number) as number, disk: expect.any(Number) as number },
        limits: [{ metric: 'memory', limit: '>99.9', state: 'clear' }],
        unavailable: {},
      })
    }
  })

  it('shows every metric once, or why it is missing', async () => {
    const outcome = await tripline('watch', '--once')
    expect(outcome.stdout).toMatch(/^memory +\d+\.\d% {2}\//m)
    const { metrics } = JSON.parse((await tripline('watch', '--once', '--json')).stdout) as { metrics: object }
    expect(metrics).toHaveProperty('memory')
  })

  it('shows only the named metrics once, and accepts options after them', async () => {
    const outcome = await tripline('watch', 'battery', 'load', '--once', '--json')
    const { metrics } = JSON.parse(outcome.stdout) as { metrics: object }
    expect(Object.keys(metrics)).toEqual(['battery', 'load'])
  })

  it('ends silently when its reader closes the pipe', async () => {
    const outcome = await shell('set -o pipefail; tripline watch --interval .05 memory | head -2')
    expect([outcome.stderr, outcome.stdout.split('\n').length]).toEqual(['', 3])
  })

  it.each([
    [['watch', 'memroy'], /Unknown metric 'memroy'\. Did you mean 'memory'\?/],
    [['watch', '--once', 'memroy'], /Did you mean 'memory'\?/],
    [['watch', 'disk(/'], /selector in '\(\.\.\.\)'\n {2}disk\(\/\n {6}\^/],
    [['watch', 'memory(x)'], /'memory' takes no selector/],
    [['watch', 'process.rss(x)'], /expected a process id/],
    [['watch', 'network.rx(nonesuch)'], /no interface "nonesuch"; there is .*lo/],
    [['watch', '--once', 'network.rx(nonesuch)'], /no interface "nonesuch"; there is .*lo/],
    [['watch', 'disk(/no/such)'], /\/no\/such: ENOENT \(no such path\); file systems are mounted at \//],
    [['watch', '--limit', 'network.rx(nonesuch)>1MB'], /no interface "nonesuch"/],
    [
      ['watch', '--on-missing', 'perhaps', 'memory'],
      /--on-missing must be error, ignore or breach; received 'perhaps'/,
    ],
    [['watch', '--once', '--on-missing', 'perhaps', 'memory'], /--on-missing must be .*; received 'perhaps'/],
    [['run', '--on-missing', 'ignore', 'true'], /--on-missing needs --limit or --start-when/],
    [['watch', '--once', '--limit', 'memory>90'], /--once and --limit exclude each other/],
    [['watch', '--interval', '0'], /--interval must be more than 0/],
    [['watch', '--limit', 'memory'], /expected '>' or '<'/],
  ])('%j is refused', async (args, says) => {
    const outcome = await tripline(...args)
    expect([outcome.code, outcome.stdout]).toEqual([125, ''])
    expect(outcome.stderr).toMatch(says)
  })
})

describe.skipIf(process.platform !== 'linux')('tripline watch of a metric that appears later', () => {
  it('shows the metric when it appears', async () => {
    using machine = new FakeMachine()
    const meminfo = `${machine.root}/proc/meminfo`
    const command = `mv ${meminfo} ${meminfo}.x; (sleep 1.5; mv ${meminfo}.x ${meminfo}) & tripline watch --on-missing ignore --interval .1 memory load | grep -m 1 'memory 50.0%'`
    const { stdout } = await shell(command)
    expect(stdout).toMatch(/memory 50\.0%/)
  })
})

describe.skipIf(process.platform !== 'linux')('tripline watch --once', () => {
  it('gives the reason for an empty source and the values of the others', async () => {
    using machine = new FakeMachine()
    machine.write('sys/class/power_supply/BAT0/type', 'Battery\n')
    machine.write('sys/class/power_supply/BAT0/capacity', '255\n')
    const { stdout, code } = await tripline('watch', '--once', 'battery', 'memory')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^battery +n\/a +.*BAT0: does not say how full it is$/m)
    expect(stdout).toMatch(/^memory +50\.0%/m)
  })
})
