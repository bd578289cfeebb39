/** Records of the kernel's log that name a killed process, and text that only looks like one. */
import { describe, expect, it } from 'vitest'
import { parseKill } from '../../src/base/kernel-log.js'

const chosen = (group: string, task: string, pid: number): string =>
  `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=${group},` +
  `task=${task},pid=${pid},uid=0`
const killed = (where: string, pid: number, name: string): string =>
  `${where}: Killed process ${pid} (${name}) total-vm:1086740kB, anon-rss:228864kB, file-rss:33496kB, shmem-rss:0kB, ` +
  'UID:0 pgtables:828kB oom_score_adj:0'
const record = (text: string, priority = 6): string => `${priority},1054,150500000,-;${text}\n SUBSYSTEM=none\n`

describe("a record of the kernel's log", () => {
  it('names the process that was chosen, and its group', () => {
    expect(parseKill(record(chosen('/a/b', 'node', 812)))).toEqual({ at: 150.5, pid: 812, name: 'node', group: '/a/b' })
  })

  it.each(['Memory cgroup out of memory', 'Out of memory', 'Out of memory (oom_kill_allocating_task)'])(
    'names a process that was killed along: %s',
    (where) => {
      const expected = { at: 150.5, pid: 7, name: 'a (b) c', group: undefined }
      expect(parseKill(record(killed(where, 7, 'a (b) c')))).toEqual(expected)
    },
  )

  it('is not believed where a program has written it', () => {
    expect(parseKill(record(chosen('/a', 'node', 812), 12))).toBeUndefined()
    expect(parseKill(record(`x ${killed('Out of memory', 7, 'node')}`))).toBeUndefined()
  })

  it('does not take an id from a name', () => {
    expect(parseKill(record(chosen('/a', 'x,task=y,pid=1,uid=0', 812)))?.pid).toBe(812)
    expect(parseKill(record(killed('Out of memory', 7, ') total-vm:1kB, (')))?.pid).toBe(7)
  })

  it.each(['', ';', '6,1,x,-;oom-kill:', record('oom-kill:'), record('oom_reaper: reaped process 7 (node)')])(
    'may be about anything else: %j',
    (other) => expect(parseKill(other)).toBeUndefined(),
  )
})
