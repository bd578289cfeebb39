/** `tripline run` ends whole trees of processes, however they try to leave. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Background, childrenOf, makeTag, processesWith, shell, tripline } from '../helpers/cli.js'
import { CLI } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'

const folder = mkdtempSync(join(tmpdir(), 'tripline-trees-'))
afterAll(() => rmSync(folder, { recursive: true }))

const NO_GROUP = 'no control group of its own can be made here'

/** Removes an empty control group, unless a run of another test at the same time has. */
function removeGroup(group: string): void {
  try {
    rmdirSync(group)
  } catch (error) {
    expect(error).toHaveProperty('code', 'ENOENT')
  }
}

const noneLeft = (tag: string): Promise<void> =>
  eventually(() => processesWith(tag).length === 0, `none left of ${tag}`)

// Each starts processes in a way that makes them hard to end. SLEEP is a sleep that the test can find.
const TREES: Readonly<Record<string, string>> = {
  'double forks': '((SLEEP &) &); SLEEP',
  'daemons in sessions of their own': 'setsid SLEEP & (setsid sh -c "SLEEP & SLEEP; :" &); SLEEP',
  'ignores TERM': 'trap "" TERM; (trap "" TERM; SLEEP; SLEEP) & SLEEP; SLEEP',
  'stopped children': 'SLEEP & kill -STOP $!; setsid SLEEP & kill -STOP $!; SLEEP',
  'stops itself': '(SLEEP &); kill -STOP $$',
  'starts anew when it is ended': `trap 'setsid sh -c "trap \\"\\" TERM; SLEEP; :" & exit' TERM; SLEEP & wait`,
  'zombies without a wait': 'for i in 1 2 3 4 5 6 7 8; do (sh -c "exit 0" & exec SLEEP) & done; SLEEP',
  'other process groups': 'set -m; SLEEP & SLEEP & SLEEP & wait',
}

describe('no process escapes', () => {
  it.concurrent.each(Object.entries(TREES))('after a timeout: %s', async (_name, script) => {
    const tag = makeTag()
    const line = script.replaceAll('SLEEP', `sleep ${tag}`)
    const outcome = await tripline('run', '--timeout', '0.5', '--kill-after', '0.5', 'bash', '-c', line)
    expect(outcome.code).toBe(124)
    expect(processesWith(tag)).toEqual([])
  })

  it.concurrent.each(Object.entries(TREES))('after kill -9 of tripline: %s', async (_name, script) => {
    const tag = makeTag()
    const line = script.replaceAll('SLEEP', `sleep ${tag}`)
    using background = new Background('run', '-v', '--kill-after', '0.5', 'bash', '-c', line)
    await background.shows('started')
    await eventually(() => processesWith(tag).length > 0)
    background.child.kill('SIGKILL')
    await noneLeft(tag)
  })

  it('after kill -9 of the process that holds the tree together', async () => {
    const tag = makeTag()
    const line = `sleep ${tag} & setsid sleep ${tag} & (setsid sh -c "sleep ${tag}; :" &); sleep ${tag}`
    using background = new Background('run', '-v', 'bash', '-c', line)
    await background.shows('started')
    await eventually(() => processesWith(`sleep ${tag}`).length + processesWith(tag).length >= 5)
    const [supervisor] = childrenOf(background.child.pid!)
    expect(readFileSync(`/proc/${supervisor}/comm`, 'utf8')).toBe('tripline-super\n')
    process.kill(supervisor!, 'SIGKILL')
    expect(await background.ended).toBe(125)
    expect(background.output).toContain('was killed; its processes that could be found were killed')
    await noneLeft(tag)
  })

  it('and a control group that was left behind is removed by the next run', async ({ skip }) => {
    const tag = makeTag()
    using background = new Background('run', '-v', 'sleep', tag)
    await background.shows('started')
    const group = groupOf(processesWith(tag)[0]!)
    skip(!group.includes(`/tripline-${background.child.pid}-`), NO_GROUP)
    const [supervisor] = childrenOf(background.child.pid!)
    background.child.kill('SIGKILL')
    process.kill(supervisor!, 'SIGKILL')
    await noneLeft(tag)
    // Unless a run of another test at the same time has removed it.
    await tripline('run', 'true')
    expect(existsSync(group)).toBe(false)
  })

  it('and only leftover control groups without processes are removed', async ({ skip }) => {
    using outer = new Background('run', '-v', 'sleep', '60')
    await outer.shows('held together by')
    const [, own] = /held together by (.*)/.exec(outer.output)!
    skip(!own!.startsWith('/'), NO_GROUP)
    // Names of makers that live, as process 1 always does, or are in another sandbox.
    const [empty, used] = ['tripline-1-1', 'tripline-1-2'].map((name) => `${dirname(own!)}/${name}.${makeTag()}`)
    for (const group of [empty!, used!, `${used}/runs`, `${used}/waits`]) mkdirSync(group)
    const guest = spawn('sleep', ['60'])
    try {
      writeFileSync(`${used}/runs/cgroup.procs`, String(guest.pid))
      await tripline('run', 'true')
      expect([empty!, `${used}/runs`, `${used}/waits`].map((group) => existsSync(group))).toEqual([false, true, true])
      expect(guest.exitCode ?? guest.signalCode).toBe(null)
    } finally {
      guest.kill()
      await once(guest, 'exit')
      for (const group of [`${used}/runs`, `${used}/waits`, used!]) removeGroup(group)
    }
  })

  it('after a timeout: a tree of 50 with two daemons, and the report says so', async () => {
    const tag = makeTag()
    const report = join(folder, 'fifty.json')
    const line = `for i in $(seq 48); do sleep ${tag} & done; setsid sleep ${tag} & (setsid sleep ${tag} &); wait`
    const outcome = await tripline('run', '--timeout', '3', '--report', report, 'bash', '-c', line)
    expect(outcome.code).toBe(124)
    expect(outcome.stderr).toMatch(
      /^tripline: ended bash \(pid \d+, 51 processes\): time limit of 3s; sent TERM, gone in/,
    )
    expect(processesWith(tag)).toEqual([])
    expect(JSON.parse(readFileSync(report, 'utf8'))).toMatchObject({
      reason: { kind: 'timeout', limit: 3000 },
      ended: 51,
      peaks: { processes: 51 },
    })
  })

  it('ends the processes that a command leaves behind, and exits with the status of the command', async () => {
    const tag = makeTag()
    const outcome = await tripline('run', 'bash', '-c', `setsid sleep ${tag} & (setsid sleep ${tag} &); exit 7`)
    expect([outcome.code, outcome.stderr]).toEqual([7, 'tripline: bash left 2 processes behind; ended\n'])
    expect(processesWith(tag)).toEqual([])
  })

  it('lets the last command of a pipeline finish', async () => {
    const outcome = await tripline('run', 'bash', '-c', 'seq 3 > >(sleep 0.05; cat)')
    expect([outcome.code, outcome.stdout, outcome.stderr]).toEqual([0, '1\n2\n3\n', ''])
  })

  it('ends a bounded fork bomb', async () => {
    const tag = makeTag()
    // Each process forks twice until there are 127, even if some are killed meanwhile.
    const bomb = join(folder, 'bomb')
    const line = `trap "" TERM; n=$1; [ $n -gt 0 ] && { "$0" $((n-1)) & "$0" $((n-1)) & }; sleep ${tag}; :`
    spawnSync('sh', ['-c', `printf '#!/bin/sh\\n%s\\n' '${line}' > ${bomb}; chmod +x ${bomb}`])
    const outcome = await tripline('run', '--procs', '30', '--kill-after', '0.2', bomb, '6')
    expect(outcome.code).toBe(123)
    expect(outcome.stderr).toMatch(/process\.count \d+ > 30; sent TERM, then KILL/)
    expect(processesWith(tag)).toEqual([])
    expect(processesWith(bomb)).toEqual([])
  })

  it('ends nested runs', async () => {
    const tag = makeTag()
    const line = `tripline run -k 0.3 --timeout 0.8 -- ${process.execPath} ${CLI} run bash -c 'setsid sleep ${tag} & sleep ${tag}'`
    expect((await shell(line)).code).toBe(124)
    await noneLeft(tag)
  })

  it('leaves no control groups behind', async ({ skip }) => {
    using background = new Background('run', '-v', 'sleep', '0.2')
    await background.ended
    const [, group] = /held together by (.*)/.exec(background.output)!
    skip(!group!.startsWith('/'), NO_GROUP)
    expect(existsSync(group!)).toBe(false)
  })
})

describe('a pause', () => {
  it('lasts until the limit is clear', async () => {
    using background = new Background('run', '--on-breach', 'pause', '--cpu', '5', 'sh', '-c', 'while :; do :; done')
    await background.shows(/paused sh: process\.cpu .* > 5\.0%.*\n(.*\n)*.*resumed sh/)
    background.child.kill('SIGTERM')
    expect(await background.ended).toBe('SIGTERM')
  })
})

/** The folder of a process's version 2 control group. */
function groupOf(pid: number): string {
  const [, path = ''] = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8')) ?? []
  return (
    ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].map((mount) => mount + path).find((each) => existsSync(each)) ?? ''
  )
}
