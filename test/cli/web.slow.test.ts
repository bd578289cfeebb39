/** `tripline watch --web`: where it listens, what it prints, and what it refuses. */
import { describe, expect, it } from 'vitest'
import { ask, enter, Events } from '../dashboard/helpers.js'
import { Background, NO_TERMINAL, onTerminal, tripline } from '../helpers/cli.js'

const ADDRESS = /http:\/\/\S+\/\?token=\S+/

async function addressOf(process: { readonly output: string; shows(text: RegExp): Promise<void> }): Promise<string> {
  await process.shows(/token=[\w-]{32}\s/)
  return ADDRESS.exec(process.output)![0]
}

describe('tripline watch --web', () => {
  it('shows metrics, limits and a process with its tree, without its arguments', async () => {
    using child = new Background(
      'watch',
      '--web',
      '--interval',
      '200ms',
      '--limit',
      'memory>0.1',
      '--pid',
      String(process.pid),
      'load',
    )
    const entered = await enter(await addressOf(child))
    expect((await ask(entered.base, entered)).text).toContain('<title>tripline</title>')
    using events = await Events.open(entered)
    const { data } = await events.next()
    expect(data.columns.map(({ text }) => text)).toEqual([
      `process.cpu(${process.pid}) with its tree`,
      `process.rss(${process.pid}) with its tree`,
      `process.count(${process.pid}) with its tree`,
      'memory',
      'load',
    ])
    expect(data.guards).toMatchObject([{ name: 'memory>0.1', rules: [{ text: 'memory > 0.1%' }] }])
    expect(data.operations).toBeNull()
    expect(data.commands).toMatchObject([{ pid: process.pid }])
    expect(data.commands[0]!.line).toBeUndefined()
    const { data: later } = await events.next(({ data: each }) => each.breaches?.length === 1)
    expect(later.breaches[0]!.proofs[0]!.text).toMatch(/^memory [\d.]+% > 0\.1%/)
    child.child.kill('SIGTERM')
    await events.next(({ name }) => name === 'end')
    expect(await child.ended).toBe('SIGTERM')
  })

  it.each([
    [['--web', '127.0.0.1:0'], '127.0.0.1'],
    [['--web', ':0', 'memory'], '127.0.0.1'],
    [['--web', '0'], '127.0.0.1'],
    [['--web=127.0.0.2'], '127.0.0.2'],
  ])('takes a place: %j', async (words, host) => {
    const { code, stdout, stderr } = await tripline('watch', ...words, '--for', '10ms')
    expect([code, stderr]).toEqual([0, ''])
    expect(new URL(ADDRESS.exec(stdout)![0]).hostname).toBe(host)
    expect(stdout.trim().split('\n')).toHaveLength(1)
  })

  it('warns where other machines can reach it', async () => {
    const { stderr } = await tripline('watch', '--web=0.0.0.0:0', 'memory', '--for', '10ms')
    expect(stderr).toBe('tripline: 0.0.0.0 can be reached from other machines, and nothing is encrypted\n')
  })

  it.each([
    [['--web=x:99999'], '--web takes HOST:PORT'],
    [['--web=a:b:c'], '--web takes HOST:PORT'],
    [['--web='], '--web= has no value'],
    [['--web', '--json'], '--web and --json exclude each other'],
    [['--web', '--once'], '--once and --web exclude each other'],
    [['--pid', '1'], '--pid needs --web'],
    [['--command-lines'], '--command-lines needs --web'],
    [['--web', '--pid', 'x'], '--pid takes the id of a process'],
    [['--web', '--pid', '2147483646'], 'There is no process 2147483646'],
    [['--web', 'cpuu'], "Did you mean 'cpu'?"],
    [['--web', '--interval', '10ms'], '100 ms to 1 h'],
  ])('refuses %j', async (words, message) => {
    const { code, stdout, stderr } = await tripline('watch', ...words)
    expect([code, stdout]).toEqual([125, ''])
    expect(stderr).toContain(message)
  })

  it.skipIf(NO_TERMINAL !== undefined)('prints another address for Enter on a terminal', async () => {
    using terminal = onTerminal('watch', '--web', 'memory')
    const first = await addressOf(terminal)
    await enter(first)
    terminal.type('\r')
    await terminal.shows(/token=[\w-]{32}\s[^]*token=[\w-]{32}\s/)
    const second = terminal.output.match(new RegExp(ADDRESS, 'g'))!.at(-1)!
    expect(second).not.toBe(first)
    await enter(second)
    terminal.type('\u0003')
    expect(await terminal.ended).toBe(130)
  })
})
