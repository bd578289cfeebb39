/** The kernel's out-of-memory killer: what a command's result says of it. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../src/index.js'
import { OomWatch } from '../../src/run/oom-watch.js'
import { isOomKill, oomText, type OomKill } from '../../src/base/oom.js'
import { cancelationError } from '../../src/base/cancelation-error.js'
import { oomReason } from '../../src/base/reason.js'
import { OomCancelation } from '../../src/index.js'
import { runCommand, CLI } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'

const KILL: OomKill = {
  certainty: 'likely',
  proof: 'shared-group',
  kills: 2,
  whole: false,
  origin: '/sys/x/memory.events',
}

describe('the words for a kill', () => {
  it('are one sentence with its certainty', () => {
    expect(oomText(KILL)).toBe(
      "The kernel's out-of-memory killer likely ended a part of it (2 kills in /sys/x/memory.events, a group that it " +
        'shares with other processes)',
    )
    expect(oomText({ ...KILL, certainty: 'proved', proof: 'group', kills: 1, whole: true })).toBe(
      "The kernel's out-of-memory killer ended it (1 kill in /sys/x/memory.events, a group that held nothing else)",
    )
  })

  it('make a reason with an error of its own', () => {
    const error = cancelationError(oomReason(KILL))
    expect(error).toBeInstanceOf(OomCancelation)
    expect(error.reason).toMatchObject({ kind: 'oom', ...KILL })
    const fields = { ...KILL, message: 'Gone' }
    expect(new OomCancelation(fields).reason).toMatchObject({ kind: 'oom', message: 'Gone', origin: KILL.origin })
    for (const wrong of [{ certainty: 'sure' }, { proof: 'guess' }, { kills: '2' }, { whole: 1 }, { origin: 3 }]) {
      expect(isOomKill({ ...KILL, ...wrong })).toBe(false)
      expect(() => new OomCancelation({ ...fields, ...(wrong as object) })).toThrow(TypeError)
    }
  })
})

describe('a command that nothing has killed', () => {
  it('has no such reason, whatever signal or status it ends with', async () => {
    for (const line of ['true', 'exit 137', 'kill -9 $$', 'exit 3']) {
      const { reason, oom } = await run('sh', ['-c', line], { stdio: 'ignore' })
      expect({ line, reason, oom }).toEqual({ line, reason: undefined, oom: undefined })
    }
  })

  it('is not suspected where nothing counts', () => {
    const subject = { code: null, signal: 'SIGKILL', pids: [2 ** 30], groups: [] }
    expect(
      new OomWatch([{ version: 2, mount: '/nowhere', path: '/nowhere/x' }]).verdict(subject, undefined),
    ).toBeUndefined()
  })
})

// This process's memory group in version 1, where the test may make groups.
const place = ((): string | undefined => {
  if (!existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes') || process.getuid?.() !== 0) return undefined
  return /^\d+:memory:/m.test(readFileSync('/proc/self/cgroup', 'utf8')) ? '/sys/fs/cgroup/memory' : undefined
})()

describe.runIf(place !== undefined)('in a group whose memory is at its limit', () => {
  const group = `${place}/tripline-oom-${process.pid}`
  beforeAll(() => {
    mkdirSync(group)
    writeFileSync(`${group}/memory.limit_in_bytes`, String(150 * 2 ** 20))
  })
  afterAll(async () => {
    // A process that has only just died may still count as a member.
    await eventually(() => {
      try {
        rmdirSync(group)
        return true
      } catch {
        return false
      }
    })
  })

  const HOG = "python3 -c 'b = bytearray(400 * 10**6)'"
  const inGroup = async (
    line: string,
  ): Promise<{ status: number | null; stderr: string; report: Record<string, unknown> }> => {
    const enter = 'echo $$ >"$0/cgroup.procs" && exec "$@"'
    const words = [process.execPath, CLI, 'run', '--report', '-', '--', 'sh', '-c', line]
    const { code, stdout, stderr } = await runCommand('sh', ['-c', enter, group, ...words])
    return { status: code, stderr, report: JSON.parse(stdout) as Record<string, unknown> }
  }

  it('says that the kernel has ended the command, whose status stays', async () => {
    const { status, stderr, report } = await inGroup(`exec ${HOG}`)
    expect(status).toBe(137)
    expect(report).toMatchObject({ reason: { kind: 'oom', kills: 1, whole: true }, oom: { whole: true }, status: 137 })
    expect(stderr).toMatch(/^tripline: sh \(pid \d+\): the kernel's out-of-memory killer (?:likely )?ended it /m)
  })

  it('says that a part of its tree was ended, which is only likely', async () => {
    const { status, stderr, report } = await inGroup(`${HOG}; exit 4`)
    expect(status).toBe(4)
    expect(report).toMatchObject({
      reason: { kind: 'oom', certainty: 'likely', proof: 'shared-group', whole: false },
      oom: { origin: `${group}/memory.oom_control` },
    })
    expect(stderr).toContain("the kernel's out-of-memory killer likely ended a part of it")
  })

  it('says nothing of kills before the command', async () => {
    const { report } = await inGroup('exit 0')
    expect(report).toMatchObject({ status: 0, reason: null })
    expect(report).not.toHaveProperty('oom')
  })
})
