/** What must not keep a command from ending: a pause, a reader that does not read, a /proc that is somebody else's. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { CLI, runCommand } from '../helpers/child.js'

const BOUND = 20_000

describe('a paused command', () => {
  it('ends when it is told to', async () => {
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
    expect(await closed).toEqual([143, null])
    clearTimeout(bound)
  })
})

describe('output that nobody reads', () => {
  it('holds up the end for no longer than it takes to pass on what there is', async () => {
    const args = [CLI, 'run', '--idle-output', '1h', '--timeout', '500ms', '--', 'yes']
    // A pipe without a reader: it is full at once and stays so.
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    child.stdout.pause()
    const bound = setTimeout(() => child.kill('SIGKILL'), BOUND)
    expect(await once(child, 'exit')).toEqual([124, null])
    clearTimeout(bound)
    child.stdout.destroy()
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

  it.skipIf(!possible)('what cannot be found there does not keep the run from ending, and is told', async () => {
    const tripline = [process.execPath, CLI, 'run', '--timeout', '500ms', '-k', '200ms', '--']
    // In no process group of the command's, and without control groups in none of those either.
    const script = 'umount -l /sys/fs/cgroup/unified 2>/dev/null; umount -l /sys/fs/cgroup 2>/dev/null; exec "$@"'
    const command = ['-pfm', 'sh', '-c', script, 'sh', ...tripline, 'sh', '-c', 'setsid sleep 300 & sleep 300']
    const outcome = await runCommand('unshare', command, { limit: BOUND })
    expect(outcome).toMatchObject({ code: 124, signal: null })
    expect(outcome.stderr).toMatch(/; 1 process could not be ended: of another user, or out of sight\n$/)
  })
})
