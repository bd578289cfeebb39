/** `tripline run` as process 1 of a pid namespace, as in a container. */
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { describe, expect, it } from 'vitest'
import { CLI, runCommand } from '../helpers/child.js'
import { childrenOf } from '../helpers/cli.js'
import { eventually } from '../helpers/eventually.js'

/** A bash loop without child processes, which would get the signals too. */
const WAIT = 'exec 9<> <(:); while :; do read -rt 0.05 -u 9; done'

describe('as process 1', () => {
  const why =
    spawnSync('unshare', ['-pf', '--mount-proc', 'true']).status === 0 ? undefined : 'unshare -p is not allowed'
  if (why !== undefined) console.log(`skipped: ${why}`)

  it.skipIf(why !== undefined)('runs the command, reaps orphans and passes its status on', async () => {
    const line = 'for i in 1 2 3; do (sleep 0.05 &) ; done; sleep 0.3; ps -A -o stat= | grep -c Z; exit 6'
    const inside = [process.execPath, CLI, 'run', 'sh', '-c', line]
    const outcome = await runCommand('unshare', ['-pf', '--mount-proc', ...inside])
    expect([outcome.code, outcome.stdout, outcome.stderr]).toEqual([6, '0\n', ''])
  })

  it.skipIf(why !== undefined)('reaps orphans of other processes', async () => {
    // The first shell is not a child of the command, so process 1 adopts its orphan.
    const line = `(setsid sh -c 'sleep 0.2' &) ; exec ${process.execPath} ${CLI} run sh -c 'sleep 0.8; ps -A -o stat= | grep -c Z; exit 0'`
    const outcome = await runCommand('unshare', ['-pf', '--mount-proc', 'sh', '-c', line])
    expect([outcome.code, outcome.stdout]).toEqual([0, '0\n'])
  })

  // All that tini passes on, but those that Node keeps for itself.
  const signals =
    'HUP INT QUIT USR1 USR2 PIPE ALRM TERM STKFLT CONT TSTP URG XCPU XFSZ VTALRM PROF WINCH IO PWR RTMIN RTMIN+5 RTMAX'
  it.skipIf(why !== undefined)('passes on every signal that tini passes on', { timeout: 120_000 }, async () => {
    const names = signals.split(' ')
    const traps = names.map((name) => `trap 'echo "got ${name}."' ${name}`).join('; ')
    const line = `${traps}; trap 'exit 7' TTIN; echo ready; ${WAIT}`
    const child = spawn('unshare', ['-pf', '--mount-proc', process.execPath, CLI, 'run', 'bash', '-c', line], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.on('data', (chunk) => (output += String(chunk)))
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    await eventually(() => output.includes('ready'))
    const [first] = childrenOf(child.pid!)
    for (const name of names) {
      spawnSync('bash', ['-c', `kill -${name} ${first}`])
      await eventually(
        () => output.includes(`got ${name}.`),
        () => `${name} in ${output}`,
      )
    }
    spawnSync('bash', ['-c', `kill -TTIN ${first}`])
    expect(await ended).toBe(7)
  })

  it.skipIf(why !== undefined)('passes on signals that arrive before the command has started', async () => {
    const child = spawn('unshare', ['-pf', '--mount-proc', process.execPath, CLI, 'run', 'sleep', '60'], {
      stdio: 'ignore',
    })
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    let first = 0
    // Node catches SIGTERM before JavaScript runs. Before that, the kernel drops the signal.
    await eventually(() => (first = childrenOf(child.pid!)[0] ?? 0) > 0 && catches(first, constants.signals.SIGTERM))
    process.kill(first, 'SIGTERM')
    expect(await ended).toBe(143)
  })
})

/** Whether a process has a handler for a signal. */
function catches(pid: number, signal: number): boolean {
  const [, mask = '0'] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n
}
