/** `oom_score_adj` of tripline, its supervisor and the command. */
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Background, childrenOf, tripline } from '../helpers/cli.js'
import { eventually } from '../helpers/eventually.js'

const score = (pid: number | 'self'): string => readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()

/** Whether this user may lower it. */
function mayLower(): boolean {
  const before = score('self')
  try {
    writeFileSync('/proc/self/oom_score_adj', '-999')
    writeFileSync('/proc/self/oom_score_adj', before)
    return true
  } catch {
    return false
  }
}

describe('oom_score_adj', () => {
  it('is lowered for tripline and its supervisor where that is allowed, and never for the command', async () => {
    const own = score('self')
    using background = new Background('run', 'sh', '-c', 'echo ready; exec sleep 60')
    await background.shows('ready')
    const { pid } = background.child
    const [supervisor] = childrenOf(pid!)
    if (mayLower()) await eventually(() => score(pid!) === '-999' && score(supervisor!) === '-999')
    const [command] = childrenOf(supervisor!)
    expect(score(command!)).toBe(own)
  })

  it('is what tripline was started with for a command that runs again, too', async () => {
    const args = ['run', '-q', '--restart=1', '--backoff', '0', '--timeout', '.5']
    const { stdout } = await tripline(...args, 'sh', '-c', 'cat /proc/self/oom_score_adj; exec sleep 60')
    expect(stdout.trim().split('\n')).toEqual([score('self'), score('self')])
  })
})
