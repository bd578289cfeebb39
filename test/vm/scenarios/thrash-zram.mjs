// A machine with compressed swap in memory: the amount and the rate of swapping, a guard that is breached before the
// kernel kills, and pages of the sampling thread that are locked and stay.
import {
  Subject,
  bin,
  check,
  comes,
  endsInTime,
  equal,
  killsOfMachine,
  near,
  read,
  scenario,
  shell,
} from '../guest/scenario.mjs'

const info = () =>
  Object.fromEntries(
    read('/proc/meminfo')
      .split('\n')
      .map((line) => line.split(/[:\s]+/)),
  )

/** How much of the addon's file is locked in a process's memory, in KiB. */
function lockedAddon(pid) {
  const mappings = read(`/proc/${pid}/smaps`).split(/\n(?=[0-9a-f]+-)/)
  const sizes = mappings.filter((each) => each.includes('.node\n')).map((each) => /^Locked:\s+(\d+)/m.exec(each)[1])
  return sizes.reduce((sum, each) => sum + Number(each), 0)
}

await scenario(async () => {
  await shell('modprobe zram; echo 200M >/sys/block/zram0/disksize; mkswap -q /dev/zram0; swapon /dev/zram0')
  const subject = await Subject.start({ score: -900 })
  equal('swap is 0 while nothing is swapped', (await subject.value('swap')).value, 0)
  await subject.guard('swapping', { 'swap.rate': { above: '100kB', for: 0 } })
  await subject.guard('half', { swap: 40 })
  await subject.guard('stalled', { 'pressure.memory': { above: 5, for: '1s' } })
  await subject.guard('end', { swap: 85 })
  const { memoryLocked, memoryLockedWhy } = await subject.run((t) => t.tripline.samplerStats())
  check('what the sampling thread needs is locked', memoryLocked, memoryLockedWhy)
  const locked = lockedAddon(subject.pid)
  check('the pages of the addon are', locked > 64, locked)
  const breach = await endsInTime(subject, 'end', killsOfMachine, { rate: 40 })
  await subject.comes('swap.rate has breached', 'swapping', 'breach')
  const half = await subject.comes('swap has breached at 40 %', 'half', 'breach')
  check('swap has breached at 40 % before it was at 85 %', half?.at < breach?.at, [half?.at, breach?.at])
  await subject.comes('pressure.memory has breached', 'stalled', 'breach')
  check('the pages of the addon have stayed', lockedAddon(subject.pid) >= locked, [lockedAddon(subject.pid), locked])

  await comes(
    'swap matches the kernel’s figures',
    async () => {
      const { value } = await subject.value('swap')
      return Math.abs(value - 100 * (1 - info().SwapFree / info().SwapTotal)) < 1
    },
    () => subject.value('swap'),
  )
  near(
    'memory.available matches the kernel’s figure',
    (await subject.value('memory.available')).value,
    info().MemAvailable * 1024,
    12e6,
  )

  const before = subject.of('stalled', 'breach').length + subject.of('end', 'breach').length
  const limited = await subject.run((t, hog) => t.endAtBreach('end', [hog, '0', '3000', '60']), `${bin}/hog`)
  check('at full speed the command is ended, by the guard or the kernel', limited.by !== 'itself', limited)
  await comes(
    'the guards have reported breaches',
    () => subject.of('stalled', 'breach').length + subject.of('end', 'breach').length > before,
  )
  await subject.end()
  await shell('swapoff /dev/zram0; echo 1 >/sys/block/zram0/reset')
})
