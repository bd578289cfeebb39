/** Situations that must not keep a command from ending: a pause, a reader that does not read, a foreign /proc. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { CLI, runCommand } from '../helpers/child.js'
import { Background, childrenOf, makeTag, NO_TERMINAL, processesWith } from '../helpers/cli.js'
import { eventually } from '../helpers/eventually.js'

const BOUND = 20_000

/** CPU time in hundredths of a second. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/** `T` for a stopped process. */
function stateOf(pid: number): string {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]![0]!
}

describe('a paused command', () => {
  it('ends on request', async () => {
    const eat = 'const eaten = Buffer.alloc(120e6, 1); setInterval(() => eaten.length, 1e6)'
    const args = [CLI, 'run', '--on-breach', 'pause', '--memory', '60MB', '--', process.execPath, '-e', eat]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const closed = once(child, 'close')
    const bound = setTimeout(() => child.kill('SIGKILL'), BOUND)
    await new Promise<void>((resolve) => {
      let text = ''
      child.stderr.on('data', (chunk) => {
        text += String(chunk)
        if (text.includes('paused')) resolve()
      })
    })
    child.kill('SIGTERM')
    expect(await closed).toEqual([null, 'SIGTERM'])
    clearTimeout(bound)
  })

  it('does not cause a busy loop when it has been silent for longer than allowed', async () => {
    const limit = ['--on-breach', 'pause', '--limit', 'memory.available<1000TB', '--idle-output', '100ms']
    using background = new Background('run', ...limit, '--', 'sleep', '300')
    await background.shows('paused')
    const [supervisor] = childrenOf(background.child.pid!)
    await sleep(200)
    const before = cpuOf(supervisor!)
    await sleep(1000)
    // A busy loop would use most of the second, even on a busy machine.
    expect(cpuOf(supervisor!) - before).toBeLessThan(10)
    background.child.kill('SIGTERM')
    expect(await background.ended).toBe('SIGTERM')
  })
})

describe.skipIf(NO_TERMINAL)('a command whose main thread has ended while another runs', () => {
  const lines = [
    'import ctypes, os, threading',
    'c = ctypes.CDLL(None)',
    'threading.Thread(target=c.sleep, args=(3600,)).start()',
    'print(f"pid {os.getpid()}.", flush=True)',
    'c.pthread_exit(None)',
  ]

  it.each(['TERM', 'KILL'])('is ended with %s', async (signal) => {
    using background = new Background(
      'run',
      '--signal',
      signal,
      '--kill-after',
      '1h',
      '--',
      'python3',
      '-c',
      lines.join('\n'),
    )
    await background.shows(/pid \d+\./)
    const pid = Number(/pid (\d+)/.exec(background.output)![1])
    await eventually(() => stateOf(pid) === 'Z')
    background.child.kill('SIGTERM')
    expect(await background.ended).toBe('SIGTERM')
    expect(existsSync(`/proc/${pid}`)).toBe(false)
  })
})

describe('a stopped supervisor', () => {
  it('still ends the command on request', async () => {
    const tag = makeTag()
    using background = new Background('run', '-v', 'sleep', tag)
    await background.shows('started')
    process.kill(childrenOf(background.child.pid!)[0]!, 'SIGSTOP')
    background.child.kill('SIGTERM')
    expect(await background.ended).toBe('SIGTERM')
  })

  it('ends the command when tripline is killed', async () => {
    const tag = makeTag()
    using background = new Background('run', '-v', 'sleep', tag)
    await background.shows('started')
    const [supervisor] = childrenOf(background.child.pid!)
    process.kill(supervisor!, 'SIGSTOP')
    // A kernel continues what it orphans only if it has stopped by then.
    await eventually(() => stateOf(supervisor!) === 'T')
    background.child.kill('SIGKILL')
    await eventually(() => processesWith(tag).length === 0)
  })

  it.skipIf(NO_TERMINAL)('that another process adopts ends the command, too', async () => {
    // Its group is not orphaned then: the new parent is in the same session.
    const lines = [
      'import ctypes, subprocess, sys',
      'PR_SET_CHILD_SUBREAPER = 36',
      'assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0',
      'subprocess.run(sys.argv[1:])',
      'sys.stdin.read()',
    ]
    const args = ['-c', lines.join('\n'), process.execPath, CLI, 'run', '-v', 'sleep', '300']
    const adopter = spawn('python3', args, { stdio: ['pipe', 'ignore', 'pipe'] })
    const closed = once(adopter, 'close')
    await once(adopter.stderr, 'data')
    const [tripline] = childrenOf(adopter.pid!)
    const [supervisor] = childrenOf(tripline!)
    const [command] = childrenOf(supervisor!)
    process.kill(supervisor!, 'SIGSTOP')
    await eventually(() => stateOf(supervisor!) === 'T')
    process.kill(tripline!, 'SIGKILL')
    await eventually(() => !existsSync(`/proc/${command}`))
    adopter.stdin.end()
    await closed
  })
})

describe('output without a reader', () => {
  it('delays the end no longer than it takes to pass on what was written', async () => {
    const args = [CLI, 'run', '--idle-output', '1h', '--timeout', '500ms', '--', 'yes']
    // A pipe that is not read, and therefore full at once.
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    child.stdout.pause()
    const bound = setTimeout(() => child.kill('SIGKILL'), BOUND)
    expect(await once(child, 'exit')).toEqual([124, null])
    clearTimeout(bound)
    child.stdout.destroy()
  })
})

// More than fits into the reader's pipe, so that tripline has to hold the rest.
const SIZE = 120_000

function startUnread(): ReturnType<typeof spawn> {
  const script = `head -c ${SIZE} /dev/zero; exit 3`
  const args = [CLI, 'run', '-v', '--idle-output', '1h', '--', 'sh', '-c', script]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.pause()
  return child
}

/** Resolves once the command has ended. */
async function commandEnded(child: ReturnType<typeof spawn>): Promise<void> {
  await once(child.stderr!, 'data')
  const [supervisor] = childrenOf(child.pid!)
  await eventually(() => childrenOf(supervisor!)[0] === 0)
}

describe('output that is read late', () => {
  it('arrives completely, however late', async () => {
    const child = startUnread()
    await commandEnded(child)
    // Longer than the processes that a command leaves behind may live.
    await sleep(1000)
    let size = 0
    child.stdout!.on('data', (chunk: Buffer) => (size += chunk.length)).resume()
    expect(await once(child, 'close')).toEqual([3, null])
    expect(size).toBe(SIZE)
  })

  it('does not delay an end that was requested', async () => {
    const child = startUnread()
    await commandEnded(child)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([3, null])
    child.stdout!.destroy()
  })
})

describe('in a pid namespace with the /proc of another', () => {
  const possible = spawnSync('unshare', ['-pf', 'true']).status === 0
  if (!possible) console.warn('skipped: no pid namespace can be made here')

  it.skipIf(!possible)('the command still ends, with its process group', async () => {
    const command = [
      '-pf',
      process.execPath,
      CLI,
      'run',
      '--timeout',
      '500ms',
      '--',
      'sh',
      '-c',
      'sleep 300 & sleep 300',
    ]
    const outcome = await runCommand('unshare', command, { limit: BOUND })
    expect(outcome).toMatchObject({ code: 124, signal: null })
  })

  it.skipIf(!possible)('processes that cannot be found do not keep the run from ending, and are reported', async () => {
    const tripline = [process.execPath, CLI, 'run', '--timeout', '500ms', '-k', '200ms', '--']
    // In none of the command's process groups, and in no control group of its own.
    const script = 'umount -l /sys/fs/cgroup/unified 2>/dev/null; umount -l /sys/fs/cgroup 2>/dev/null; exec "$@"'
    const command = ['-pfm', 'sh', '-c', script, 'sh', ...tripline, 'sh', '-c', 'setsid sleep 300 & sleep 300']
    const outcome = await runCommand('unshare', command, { limit: BOUND })
    expect(outcome).toMatchObject({ code: 124, signal: null })
    expect(outcome.stderr).toMatch(/; 1 process could not be ended: owned by another user, or not visible\n$/)
  })
})
