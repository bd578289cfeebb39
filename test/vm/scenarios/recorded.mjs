// What recordings say of processes that the kernel kills in control groups of version 2, with and without its log.
import { mkdirSync, rmSync, rmdirSync, statSync } from 'node:fs'
import { lastRun } from 'tripline'
import {
  MiB,
  Subject,
  check,
  comes,
  equal,
  finish,
  group,
  killsIn,
  recorded,
  scenario,
  verdictOf,
} from '../guest/scenario.mjs'

const folder = '/tmp/recordings'
const short = ({ end, certainty }) => `${end} ${certainty ?? '-'}`

await scenario(async () => {
  mkdirSync(folder)
  await finish(['sysctl', '-q', 'kernel.dmesg_restrict=1'])
  const joe = await Subject.start({ user: 'joe' })
  /** The verdict of a user that may not read the kernel's log. */
  const ofJoe = async (file) => short(await joe.run((t, path) => t.tripline.lastRun(path), file))
  /** The verdicts of root and of that user. */
  const both = async (file) => ({ root: short(lastRun(file)), user: await ofJoe(file) })

  const alone = group('alone', { 'memory.max': 200 * MiB })
  const free = await recorded(
    `${folder}/free`,
    { group: alone, user: 'joe' },
    'most(); later(() => setInterval(more, 1))',
  )
  equal('a process in a group is killed by the kernel', (await free.ended).signal, 'SIGKILL')
  const ofFree = await both(`${folder}/free`)
  equal('the log proves that', ofFree.root, 'oom proved')
  equal('without the log, the group proves it', ofFree.user, 'oom proved')
  equal('as the command says', short(await verdictOf(`${folder}/free`, { user: 'joe' })), ofFree.user)

  const before = killsIn(alone)()
  const blocked = await recorded(`${folder}/blocked`, { group: alone, user: 'joe' }, 'most(); block(); for (;;) more()')
  equal('so is one with a blocked loop', (await blocked.ended).signal, 'SIGKILL')
  equal('the kernel has killed one process', killsIn(alone)() - before, 1)
  equal('its end is proved too', (await both(`${folder}/blocked`)).root, 'oom proved')

  const shared = group('shared', { 'memory.max': 200 * MiB })
  const victim = await recorded(`${folder}/sibling`, { group: shared, user: 'joe' }, '')
  await finish(['python3', '-c', "b = b'x' * 400000000"], { group: shared })
  victim.child.kill('SIGKILL')
  await victim.ended
  equal('a sibling was killed for memory', killsIn(shared)(), 1)
  const ofVictim = await both(`${folder}/sibling`)
  equal('of the process that kill -9 ended, the log names nothing', ofVictim.root, 'unknown -')
  check('without the log, nothing is proved', !ofVictim.user.endsWith('proved'), ofVictim.user)

  const all = group('all', { 'memory.max': 200 * MiB, 'memory.oom.group': 1 })
  const along = await recorded(`${folder}/along`, { group: all, user: 'joe' }, '')
  await finish(['python3', '-c', "b = b'x' * 400000000"], { group: all })
  equal('memory.oom.group takes the process that used little', (await along.ended).signal, 'SIGKILL')
  const ofAlong = await both(`${folder}/along`)
  equal('the log names it', ofAlong.root, 'oom proved')
  equal('without the log, it is likely', ofAlong.user, 'oom likely')

  const replaced = group('replaced', { 'memory.max': 200 * MiB })
  const first = await recorded(`${folder}/replaced`, { group: replaced, user: 'joe' }, 'for (;;) more()')
  await first.ended
  const inode = statSync(replaced).ino
  await comes('the group can be removed', () => {
    try {
      rmdirSync(replaced)
      return true
    } catch {
      return false
    }
  })
  equal('without its group and the log, nothing is known', await ofJoe(`${folder}/replaced`), 'unknown -')
  group('replaced', { 'memory.max': 200 * MiB })
  check('a group of the same name is another one', statSync(replaced).ino !== inode, inode)
  const again = await recorded(`${folder}/again`, { group: replaced, user: 'joe' }, 'for (;;) more()')
  await again.ended
  const fresh = await both(`${folder}/replaced`)
  equal('its kills prove nothing about the one before', fresh.user, 'unknown -')
  equal('the log still knows', fresh.root, 'oom proved')
  rmSync(folder, { recursive: true })
})
