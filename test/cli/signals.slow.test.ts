/** Signals that reach `tripline run` without a terminal. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { PASSED_ON } from '../../src/cli/early-signals.js'
import { STOP_SIGNALS } from '../../src/cli/job-control.js'
import { CLI } from '../helpers/child.js'
import { Background, NO_TERMINAL } from '../helpers/cli.js'
import { eventually } from '../helpers/eventually.js'

// Without child processes, which would get the signals too.
const wait = 'exec 9<> <(:); while :; do read -rt 0.05 -u 9; done'

describe('signals', () => {
  it('that are passed on are those of the manual', () => {
    const manual = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')
    const [, listed = ''] = /^\*\*Signals\*\* that tripline receives[^:]*:([^.]*)\./m.exec(manual) ?? []
    const names = [...listed.matchAll(/`([A-Z0-9]+)`/g)].map((match) => `SIG${match[1]}`)
    const ours = [...PASSED_ON, ...STOP_SIGNALS, 'SIGCONT'].filter((name) => name !== 'SIGINFO')
    expect(names.toSorted()).toEqual(ours.toSorted())
  })

  it.concurrent.each(['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGALRM'] as const)(
    'passes on %s',
    async (signal) => {
      const name = signal.slice(3)
      using background = new Background(
        'run',
        'bash',
        '-c',
        `trap 'echo got ${name}; exit 9' ${name}; echo ready; ${wait}`,
      )
      await background.shows('ready')
      background.child.kill(signal)
      expect(await background.ended).toBe(9)
      expect(background.output).toContain(`got ${name}`)
    },
  )

  it('kills on a second interrupt that was sent soon after the first, and says so', async () => {
    using background = new Background('run', 'bash', '-c', `trap 'echo no' INT; echo ready; ${wait}`)
    await background.shows('ready')
    background.child.kill('SIGINT')
    await background.shows('no')
    background.child.kill('SIGINT')
    expect(await background.ended).toBe(137)
    expect(background.output).toContain('tripline: killed bash: a second interrupt was sent\n')
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGALRM'] as const)(
    'makes tripline die of %s if the command does',
    async (signal) => {
      using background = new Background('run', 'sh', '-c', 'echo ready; exec sleep 60')
      await background.shows('ready')
      background.child.kill(signal)
      expect(await background.ended).toBe(signal)
    },
  )

  it('leaves the status of a command that has died of another signal, or that has exited', async () => {
    using killed = new Background('run', 'bash', '-c', `trap 'kill -KILL $$' TERM; echo ready; ${wait}`)
    await killed.shows('ready')
    killed.child.kill('SIGTERM')
    expect(await killed.ended).toBe(137)
    using dumped = new Background('run', 'sh', '-c', 'ulimit -c 0; echo ready; exec sleep 60')
    await dumped.shows('ready')
    dumped.child.kill('SIGQUIT')
    expect(await dumped.ended).toBe(131)
  })

  it('end tripline while it waits to start the command', async () => {
    using background = new Background('run', '-v', '--start-when', 'memory.available>1000TB', 'sleep', '60')
    await untilCaught(background.child.pid!, 15)
    background.child.kill('SIGTERM')
    expect(await background.ended).toBe('SIGTERM')
  })

  it("are the command's, not those of Node's options and of modules in NODE_OPTIONS", async () => {
    const env = { ...process.env, NODE_OPTIONS: '--report-on-signal --report-signal=SIGUSR2 --inspect=0' }
    const script = `trap 'echo USR1 $NODE_OPTIONS' USR1; trap 'echo USR2; exit 3' USR2; echo ready; ${wait}`
    const child = spawn(process.execPath, [CLI, 'run', 'bash', '-c', script], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
    const ended = new Promise((resolve) => child.on('close', resolve))
    await eventually(() => output.includes('ready'))
    child.kill('SIGUSR1')
    await eventually(() => output.includes(`USR1 ${env.NODE_OPTIONS}`))
    // The debugger that --inspect has opened is closed, and the signal has opened none.
    expect(listeners(child.pid!)).toBe(0)
    child.kill('SIGUSR2')
    expect(await ended).toBe(3)
    expect(output).not.toContain('Writing Node.js report')
  })

  it('that come before tripline has loaded leave no debugger open', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tripline-early-'))
    const early = join(folder, 'early.cjs')
    writeFileSync(
      early,
      `if (process.argv[1] === ${JSON.stringify(CLI)}) {
         process.kill(process.pid, 'SIGUSR1')
         Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
       }`,
    )
    const options = `NODE_OPTIONS=--inspect-port=0 --require=${early}`
    const background = spawn('env', [options, process.execPath, CLI, 'run', 'sh', '-c', 'echo ready; cat'])
    let output = ''
    for (const stream of [background.stdout, background.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
    await eventually(() => output.includes('ready'))
    expect(output).toContain('Debugger listening')
    expect(listeners(background.pid!)).toBe(0)
    background.stdin.end()
    await new Promise((resolve) => background.on('close', resolve))
  })
})

const state = (pid: number): string | undefined => /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]
const stopped = (pid: number): boolean => state(pid) === 'T'

describe.skipIf(NO_TERMINAL !== undefined)('job control without a terminal', () => {
  // A parent outside of the process group makes the group one that may be stopped, as a shell does for each job.
  const parent = [
    'import os, sys',
    'pid = os.fork()',
    'if pid == 0: os.setpgid(0, 0); os.execvp(sys.argv[1], sys.argv[1:])',
    'print("tripline", pid, flush=True)',
    'print("status", os.waitpid(pid, 0)[1])',
  ]

  /** Runs a command as such a job, and calls `steps` with the process ids of tripline and of the command. */
  async function runJob(
    script: string,
    steps: (tripline: number, command: number) => Promise<void>,
    options: string[] = [],
    status?: number,
  ): Promise<void> {
    const words = [
      '-c',
      parent.join('\n'),
      process.execPath,
      CLI,
      'run',
      ...options,
      'bash',
      '-c',
      `echo command $$; ${script}`,
    ]
    const child = spawn('python3', words, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += String(chunk)))
    const ended = new Promise((resolve) => child.on('close', () => resolve(Number(/status (\d+)/.exec(output)?.[1]))))
    await eventually(() => /command \d+\n/.test(output))
    const [tripline, command] = ['tripline', 'command'].map((name) =>
      Number(new RegExp(`${name} (\\d+)`).exec(output)![1]),
    )
    await steps(tripline!, command!)
    if (status === undefined) process.kill(tripline!, 'SIGTERM')
    expect(await ended).toBe(status ?? constants.signals.SIGTERM)
  }

  it.each(['SIGTSTP', 'SIGTTIN'] as const)('stops the command when tripline gets %s, and continues it', (signal) =>
    runJob(wait, async (tripline, command) => {
      process.kill(tripline, signal)
      await eventually(() => stopped(tripline) && stopped(command))
      process.kill(tripline, 'SIGCONT')
      await eventually(() => !stopped(tripline) && !stopped(command))
    }),
  )

  it('continues the command after both were stopped by something else', () =>
    runJob(wait, async (tripline, command) => {
      for (const pid of [tripline, command]) process.kill(pid, 'SIGSTOP')
      await eventually(() => stopped(tripline) && stopped(command))
      process.kill(tripline, 'SIGCONT')
      await eventually(() => !stopped(tripline) && !stopped(command))
    }))

  it('stops the clock of the timeout, too', () =>
    runJob(
      `trap 'echo continued; exit 5' CONT; ${wait}`,
      async (tripline, command) => {
        process.kill(tripline, 'SIGTSTP')
        await eventually(() => stopped(tripline) && stopped(command))
        await new Promise((resolve) => setTimeout(resolve, 5000))
        process.kill(tripline, 'SIGCONT')
      },
      ['--timeout', '4'],
      5 << 8,
    ))

  it('does not stop tripline if the command does not stop', () =>
    runJob(`trap 'echo no' TSTP; ${wait}`, async (tripline, command) => {
      process.kill(tripline, 'SIGTSTP')
      await new Promise((resolve) => setTimeout(resolve, 1500))
      expect([state(tripline), state(command)]).not.toContain('T')
    }))
})

/** How many of a process's sockets listen. */
function listeners(pid: number): number {
  const listening = readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/)
      return fields[3] === '0A' ? [`socket:[${fields[9]}]`] : []
    })
  const own = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
  return own.filter((link) => listening.includes(link)).length
}

/** Waits until a process has a handler for a signal. */
function untilCaught(pid: number, signal: number): Promise<void> {
  return eventually(() => {
    const [, mask = '0'] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n
  })
}
