/** The verdict on a run, from made-up recordings and made-up facts of the system. */
import { describe, expect, it } from 'vitest'
import type { KernelKill } from '../../src/base/kernel-log.js'
import type { Evidence, GroupNow } from '../../src/record/evidence.js'
import type { RecordedGroup, RecordedInfo } from '../../src/record/format.js'
import { parseRecording } from '../../src/record/reader.js'
import { judge, type RunVerdict } from '../../src/record/verdict.js'
import { MADE_AT, MADE_WALL, MadeRecording, type Made, type MadeNote } from '../helpers/recording.js'

const EVENTS = '/sys/fs/cgroup/app/memory.events'
const GROUP: RecordedGroup = { version: 2, path: '/app', inode: '77', events: EVENTS, oomKills: 3, alone: true }
const INFO: Partial<RecordedInfo> = { boot: 'boot-1', startTicks: 900, pidNamespace: '1', group: GROUP }
/** The last row is 60 s after the start. */
const END = MADE_AT + 60_000
const ROWS = [MADE_AT, END]

/** 600 of 1000 MB: `process.rss`, `memory`, `memory.available`. */
const FULL = [6e8, 90, 1e8]

const GONE: Evidence = {
  at: END + 30_000,
  booted: MADE_WALL - MADE_AT,
  boot: 'boot-1',
  isHeld: false,
  process: 'none',
  group: undefined,
  log: undefined,
}
const NOW: GroupNow = { inode: '77', oomKills: 4, members: [], isWider: false }

const running: MadeNote = { kind: 'running', number: 4711 }

function verdict(made: Made, evidence: Partial<Evidence> = {}, members = 1, usage = FULL): RunVerdict {
  const columns = [
    { metric: 'memory.processes', unit: 'count', window: 0 },
    { metric: 'memory.oomKills', unit: 'count', window: 0 },
    { metric: 'process.rss', unit: 'bytes', window: 0 },
    { metric: 'memory', unit: '%', window: 0 },
    { metric: 'memory.available', unit: 'bytes', window: 0 },
  ] as const
  const rows = ROWS.map((at) => ({ at, values: [members, 0, ...usage] }))
  const { bytes } = new MadeRecording({ rows, ...made, info: { columns, ...INFO, ...made.info } })
  return judge(parseRecording(bytes, 'made'), { ...GONE, ...evidence })
}
const ending = (...states: readonly MadeNote[]): RunVerdict => verdict({ states: [running, ...states] })
const unmarked = (evidence: Partial<Evidence>, info: Partial<RecordedInfo> = {}, members?: number): RunVerdict =>
  verdict({ states: [running], info }, evidence, members)

const END_S = END / 1000
const kill = (at: number, pid = 4711): KernelKill => ({ at, pid, name: 'node', group: '/app' })
const logged = (...kills: readonly KernelKill[]): RunVerdict =>
  unmarked({ log: { since: 10, isTorn: false, kills }, group: NOW })

describe('the verdict on a run that has left a mark', () => {
  it('is clean with the code 0, and else an exit with its code', () => {
    expect(ending({ kind: 'exit', number: 0 })).toMatchObject({ end: 'clean', certainty: 'proved', exitCode: 0 })
    expect(ending({ kind: 'exit', number: 3 })).toMatchObject({ end: 'exit', certainty: 'proved', exitCode: 3 })
    expect(ending({ kind: 'ended', number: 137 })).toMatchObject({ end: 'exit', certainty: 'proved', exitCode: 137 })
    expect(ending({ kind: 'ended', number: 137 }).proofs[1]).toContain('the signal 9')
    expect(ending({ kind: 'ended', number: 3 }).proofs).toHaveLength(1)
  })

  it('is the error that nothing caught, with or without the exit after it', () => {
    const uncaught: MadeNote = { kind: 'uncaught', at: END, text: 'TypeError [ERR_X]' }
    const expected = { end: 'error', certainty: 'proved', error: 'TypeError [ERR_X]' }
    expect(ending(uncaught, { kind: 'exit', at: END, number: 1 })).toMatchObject({ ...expected, exitCode: 1 })
    expect(ending(uncaught)).toMatchObject({ ...expected, exitCode: undefined })
  })

  it('is likely where listeners ran after the mark of an exit, which may change the code', () => {
    expect(ending({ kind: 'exit', number: 0, a: 1 })).toMatchObject({ end: 'clean', certainty: 'likely', exitCode: 0 })
    expect(ending({ kind: 'exit', number: 2, a: 1 })).toMatchObject({ end: 'exit', certainty: 'likely' })
  })

  it('is an error that a listener was called for only if an exit with a code followed', () => {
    const uncaught: MadeNote = { kind: 'uncaught', at: END, text: 'TypeError', a: 1 }
    const exited = ending(uncaught, { kind: 'exit', at: END, number: 7 })
    expect(exited).toMatchObject({ end: 'error', certainty: 'likely', exitCode: 7 })
    expect(ending(uncaught, { kind: 'exit', at: END, number: 0 })).toMatchObject({ end: 'clean', error: undefined })
    expect(ending(uncaught)).toMatchObject({ end: 'unknown', error: undefined })
  })

  it('does not take the code of an exit before the error', () => {
    const thrown = ending({ kind: 'exit', at: END, number: 0, a: 1 }, { kind: 'uncaught', at: END, text: 'Error' })
    expect(thrown).toMatchObject({ end: 'error', certainty: 'proved', exitCode: undefined })
  })

  it('is not an error after which the process went on', () => {
    const uncaught: MadeNote = { kind: 'uncaught', at: MADE_AT, text: 'TypeError' }
    expect(ending(uncaught, { kind: 'exit', at: END, number: 0 }).end).toBe('clean')
    expect(ending(uncaught).end).toBe('unknown')
  })

  it('a signal that nothing handled, unless it went on', () => {
    const signal: MadeNote = { kind: 'signal', at: END, number: 15, text: 'SIGTERM' }
    expect(ending(signal)).toMatchObject({ end: 'signal', certainty: 'proved', signal: 'SIGTERM' })
    expect(ending({ ...signal, at: MADE_AT }).end).toBe('unknown')
    expect(ending({ ...signal, at: MADE_AT }, { kind: 'exit', at: END, number: 0 }).end).toBe('clean')
  })

  it('is the signal that the supervisor has seen', () => {
    const killed: MadeNote = { kind: 'killed', number: 15, text: 'SIGTERM' }
    expect(ending(killed)).toMatchObject({ end: 'signal', certainty: 'proved', signal: 'SIGTERM' })
    expect(ending({ ...killed, a: 1 }).proofs[0]).toContain('tripline had sent')
    expect(ending({ ...killed, b: 2 })).toMatchObject({ end: 'oom', certainty: 'proved', signal: 'SIGTERM' })
    expect(ending({ ...killed, b: 1 })).toMatchObject({ end: 'oom', certainty: 'likely' })
  })

  it('claims nothing for a recording that was closed, and begins anew where it was opened again', () => {
    expect(ending({ kind: 'closed' })).toMatchObject({ end: 'closed', certainty: undefined })
    expect(ending({ kind: 'closed' }, running).end).toBe('unknown')
  })

  it('stays what it was after a reboot', () => {
    expect(verdict({ states: [running, { kind: 'exit', number: 0 }] }, { boot: 'boot-2' }).end).toBe('clean')
  })
})

describe('the verdict on a run without a mark', () => {
  it('is running while its process is there, with the same start', () => {
    expect(unmarked({ process: { startTicks: 900, isDead: false } }).end).toBe('running')
    expect(unmarked({ process: { startTicks: 901, isDead: false } }).end).toBe('unknown')
    expect(unmarked({ process: { startTicks: 900, isDead: true } }).end).toBe('unknown')
  })

  it('says that a process that is there has stopped recording', () => {
    const stopped = unmarked({ process: { startTicks: 900, isDead: false } })
    expect(stopped.proofs.join(' ')).toContain('nothing for 30s')
  })

  it('goes by the lock, or by the age of the last row, where process ids cannot be compared', () => {
    expect(unmarked({ process: 'hidden', isHeld: true }).end).toBe('running')
    expect(unmarked({ process: 'hidden', isHeld: false, at: END + 10 }).end).toBe('unknown')
    expect(unmarked({ process: 'hidden', isHeld: undefined, at: END + 10 }).end).toBe('running')
    expect(unmarked({ process: 'hidden', isHeld: undefined, at: END + 9000 }).end).toBe('unknown')
  })

  it('of a thread is not that of its process', () => {
    const process = { startTicks: 900, isDead: false }
    expect(unmarked({ process, isHeld: true }, { thread: 3 }).end).toBe('running')
    expect(unmarked({ process, isHeld: false }, { thread: 3 }).end).toBe('unknown')
  })

  it('is likely a reboot if the machine was booted since', () => {
    const booted = MADE_WALL + 200_000
    expect(unmarked({ boot: 'boot-2', booted })).toMatchObject({ end: 'reboot', certainty: 'likely' })
    expect(unmarked({ boot: undefined }).end).toBe('unknown')
  })

  it('is unknown on a machine that was running before the recording ended', () => {
    const elsewhere = unmarked({ boot: 'boot-2', booted: MADE_WALL - 500_000 })
    expect(elsewhere.end).toBe('unknown')
    expect(elsewhere.proofs.join(' ')).toContain('another machine')
  })

  it('says why the recorder stopped early', () => {
    const failed: MadeNote = { kind: 'failed', text: 'the file was truncated' }
    expect(ending(failed)).toMatchObject({ end: 'unknown', certainty: undefined })
    expect(ending(failed).proofs.join(' ')).toContain('the file was truncated')
  })
})

describe("the kernel's log", () => {
  it('proves the kill of the recorded process', () => {
    expect(logged(kill(END_S + 0.5))).toMatchObject({ end: 'oom', certainty: 'proved', signal: 'SIGKILL' })
    expect(logged(kill(END_S - 1))).toMatchObject({ end: 'oom', certainty: 'proved' })
  })

  it('proves that of a command', () => {
    const states = [running, { ...running, number: 5000 }]
    const log = { since: 10, isTorn: false, kills: [kill(END_S, 5000)] }
    expect(verdict({ states }, { log })).toMatchObject({ end: 'oom', certainty: 'proved' })
  })

  it('makes it likely for minutes after the last row, and then names another process with the same id', () => {
    expect(logged(kill(END_S + 200))).toMatchObject({ end: 'oom', certainty: 'likely' })
    expect(logged(kill(END_S + 5000))).toMatchObject({ end: 'unknown' })
    expect(logged(kill(END_S - 100))).toMatchObject({ end: 'unknown' })
  })

  it('makes it only likely if the kill was before the start by its clock', () => {
    const early = verdict(
      { states: [running], rows: [{ at: MADE_AT, values: [1, 1] }] },
      { log: { since: 10, isTorn: false, kills: [kill(MADE_AT / 1000 - 1)] } },
    )
    expect(early).toMatchObject({ end: 'oom', certainty: 'likely' })
  })

  it('decides against a kill in the group if it names another process', () => {
    const sibling = logged(kill(END_S, 4712))
    expect(sibling).toMatchObject({ end: 'unknown', certainty: undefined })
    expect(sibling.proofs.join(' ')).toContain('names no kill')
  })

  it('decides nothing if it does not go back far enough', () => {
    const late = { since: END_S + 1, isTorn: false, kills: [] }
    expect(unmarked({ log: late, group: NOW })).toMatchObject({ end: 'oom', certainty: 'proved' })
    expect(unmarked({ log: { since: 10, isTorn: true, kills: [] }, group: NOW }, {}, 2)).toMatchObject({
      end: 'oom',
      certainty: 'likely',
    })
  })
})

describe('the count of kills in the control group', () => {
  it('proves a kill where the group held nothing else, and is empty', () => {
    expect(unmarked({ group: NOW })).toMatchObject({ end: 'oom', certainty: 'proved' })
    // Long after, another process may have come, been killed, and left.
    expect(unmarked({ group: NOW, at: END + 100_000 })).toMatchObject({ end: 'oom', certainty: 'likely' })
  })

  it.each([
    ['it used less than half of the memory', [4e8, 90, 1e8]],
    ['what it used is not known', [NaN, 90, 1e8]],
    ['the memory is not known', [6e8, 100, 0]],
  ])('makes it likely where %s, because a process that came later may have been killed', (_, usage) => {
    expect(verdict({ states: [running] }, { group: NOW }, 1, usage)).toMatchObject({ end: 'oom', certainty: 'likely' })
  })

  it.each<[string, Partial<GroupNow>, Partial<RecordedGroup>, number]>([
    ['the group held others at the start', {}, { alone: false }, 1],
    ['the group held others in the last row', {}, {}, 2],
    ['it is not known what the group held', {}, {}, NaN],
    ['the group holds others now', { members: [5] }, {}, 1],
    ['its members cannot be read', { members: undefined }, {}, 1],
    ['the group has groups below it', { isWider: true }, {}, 1],
    ['more were killed than it held', { oomKills: 5 }, {}, 1],
    ['the kernel kills the whole group', {}, { oomGroup: true, alone: false }, 3],
  ])('makes it likely where %s', (_, now, then, members) => {
    const group = { ...GROUP, ...then }
    expect(unmarked({ group: { ...NOW, ...now } }, { group }, members)).toMatchObject({
      end: 'oom',
      certainty: 'likely',
    })
  })

  it.each<[string, Partial<GroupNow> | undefined, Partial<RecordedGroup>]>([
    ['has not grown', { oomKills: 3 }, {}],
    ['is gone', undefined, {}],
    ['is that of a fresh group', { inode: '78', oomKills: 1 }, {}],
    ['is that of a fresh group with more kills', { inode: '78', oomKills: 9 }, {}],
    ['cannot be read', { oomKills: undefined }, {}],
    ['was not known', {}, { oomKills: undefined as never }],
  ])('proves nothing where it %s', (_, now, then) => {
    const group = { ...GROUP, ...then }
    const found = unmarked({ group: now === undefined ? undefined : { ...NOW, ...now } }, { group })
    expect(found).toMatchObject({ end: 'unknown', certainty: undefined })
  })

  it('does not count the kills that the process itself has seen', () => {
    const rows = ROWS.map((at) => ({ at, values: [1, 1, ...FULL] }))
    const seen = (oomKills: number): RunVerdict => verdict({ states: [running], rows }, { group: { ...NOW, oomKills } })
    expect(seen(4).end).toBe('unknown')
    expect(seen(5).end).toBe('oom')
  })
})
