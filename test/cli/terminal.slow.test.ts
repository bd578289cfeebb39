/** `tripline run` on a terminal: reading, typed signals, job control. */
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { NO_TERMINAL, Terminal, onTerminal } from '../helpers/cli.js'
import { CLI } from '../helpers/child.js'

if (NO_TERMINAL !== undefined) console.log(`skipped: ${NO_TERMINAL}`)

describe.skipIf(NO_TERMINAL !== undefined)('tripline run on a terminal', () => {
  it('lets the command read from it', async () => {
    using terminal = onTerminal('run', 'sh', '-c', 'echo ready; read line; echo "got $line"')
    await terminal.shows('ready')
    terminal.type('hello\r')
    await terminal.shows('got hello')
    expect(await terminal.ended).toBe(0)
  })

  it('passes a typed interrupt to the command once', async () => {
    const script =
      'n=0; trap "n=$((n+1)); echo interrupt $n" INT; echo ready; while [ $n -eq 0 ]; do sleep 0.05; done; sleep 0.3'
    using terminal = onTerminal('run', 'bash', '-c', `${script}; echo "in all $n"; exit 4`)
    await terminal.shows('ready')
    terminal.type('\u0003')
    await terminal.shows('in all 1')
    expect(await terminal.ended).toBe(4)
  })

  it.each([
    ['SIGINT', 2],
    ['SIGQUIT', 3],
  ])('passes on a %s that a process has sent', async (name, number) => {
    const script = `trap "echo got it; exit 6" ${name.slice(3)}; echo ready; while :; do sleep 0.05; done`
    using terminal = onTerminal('run', 'bash', '-c', script)
    await terminal.shows('ready')
    terminal.signal(number)
    await terminal.shows('got it')
    expect(await terminal.ended).toBe(6)
  })

  it('counts a typed interrupt that another process repeats as one', async () => {
    const script = 'trap "echo interrupted; sleep 1; exit 7" INT; echo ready; while :; do sleep 0.05; done'
    using terminal = onTerminal('run', 'bash', '-c', script)
    await terminal.shows('ready')
    terminal.type('\u0003')
    await terminal.shows('interrupted')
    terminal.signal(2)
    expect(await terminal.ended).toBe(7)
  })

  it('never kills for typed interrupts', async () => {
    const script =
      'n=0; trap \'n=$((n+1)); echo "interrupt $n"\' INT; echo ready; while [ $n -lt 3 ]; do sleep 0.05; done'
    using terminal = onTerminal('run', 'bash', '-c', `${script}; exit 4`)
    await terminal.shows('ready')
    for (const count of [1, 2, 3]) {
      terminal.type('\u0003')
      await terminal.shows(`interrupt ${count}`)
    }
    expect(await terminal.ended).toBe(4)
  })

  it('lets the command read from it when stdin is a pipe, and with --foreground in the background', async () => {
    using terminal = new Terminal(['bash', '--norc', '-i'], { PS1: '> ' })
    const read = `sh -c 'echo rea""dy; read x </dev/tty; echo "got $x"'`
    terminal.type(`true | ${process.execPath} ${CLI} run ${read}\r`)
    await terminal.shows('ready')
    terminal.type('one\r')
    await terminal.shows('got one')
    terminal.type(`${process.execPath} ${CLI} run --foreground ${read} &\r`)
    await terminal.shows(/ready[^]*ready/)
    // bash reports it with the next prompt.
    for (let tries = 0; tries < 400 && !terminal.output.includes('Stopped'); tries++) {
      terminal.type('\r')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    terminal.type('fg\r')
    await terminal.shows(/fg\r\n[^]*run --foreground/)
    terminal.type('two\r')
    await terminal.shows('got two')
    terminal.type('exit\r')
    expect(await terminal.ended).toBe(0)
  })

  it('ends a loop in a script with one interrupt', async () => {
    const loop = `for i in 1 2 3; do echo round $i; ${process.execPath} ${CLI} run sh -c 'echo ready; exec sleep 60'; done`
    using terminal = new Terminal(['bash', '-c', `${loop}; echo all`])
    await terminal.shows('ready')
    terminal.type('\u0003')
    expect(await terminal.ended).toBe(130)
    expect(terminal.output).not.toMatch(/round 2|all/)
  })

  it('exits as a shell would if an interrupt ends the command', async () => {
    using terminal = onTerminal('run', 'sh', '-c', 'echo ready; exec sleep 60')
    await terminal.shows('ready')
    terminal.type('\u0003')
    expect(await terminal.ended).toBe(130)
  })

  it.each([
    ['that ends with it', 'sleep 60'],
    ['that ends in its own way', 'trap "exit 3" HUP; while :; do sleep 0.05; done'],
  ])('does not crash when the terminal goes away, with a command %s', (_name, script) => {
    const hangUp = [
      'import os, pty, sys',
      'pid, fd = pty.fork()',
      'if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])',
      "while b'ready' not in os.read(fd, 1000): pass",
      'os.close(fd)',
      'print(os.WTERMSIG(os.waitpid(pid, 0)[1]))',
    ]
    const command = [process.execPath, CLI, 'run', 'sh', '-c', `echo ready; ${script}`]
    const { stdout } = spawnSync('python3', ['-c', hangUp.join('\n'), ...command], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    expect(stdout).toBe('1\n')
  })

  it('stops and continues under a shell with job control', async () => {
    using terminal = new Terminal(['bash', '--norc', '-i'], { PS1: '> ' })
    terminal.type(`${process.execPath} ${CLI} run sh -c 'echo rea""dy; read x; echo "got $x"'\r`)
    await terminal.shows('ready')
    terminal.type('\u001A')
    await terminal.shows('Stopped')
    terminal.type('fg\r')
    await terminal.shows(/fg\r\n[^]*run sh/)
    terminal.type('line\r')
    await terminal.shows('got line')
    terminal.type('exit\r')
    expect(await terminal.ended).toBe(0)
  })
})
