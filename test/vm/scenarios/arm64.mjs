// arm64 with pages of 4 or 16 KiB: values in bytes match the kernel's, limits of groups hold, and CPUs go and come back.
import {
  MB,
  MiB,
  Subject,
  bin,
  check,
  comes,
  endsInTime,
  equal,
  finish,
  group,
  headroom,
  killsIn,
  near,
  poll,
  read,
  scenario,
  shell,
  start,
  table,
  underLimits,
  write,
} from '../guest/scenario.mjs'

await scenario(async () => {
  const page = Number(await shell('getconf PAGESIZE'))
  equal(
    'the page size is the one in the name of the kernel',
    page,
    read('/proc/sys/kernel/osrelease').includes('16k') ? 16384 : 4096,
  )
  const hog = start([`${bin}/hog`, '0', '100', '300'])
  await poll(() => hog.output.includes('full'))
  const folder = group('arm', { 'memory.max': 200 * MiB })
  const subject = await Subject.start({ group: folder })
  equal('node is of this architecture', await subject.run(() => process.arch), 'arm64')
  const status = () => table(`/proc/${hog.pid}/status`)
  const rss = await subject.value({ metric: 'process.rss', pid: hog.pid })
  near('process.rss is the kernel’s VmRSS', rss.value, status().VmRSS * 1024, 2 * MB)
  const footprint = await subject.value({ metric: 'process.footprint', pid: hog.pid })
  near('process.footprint is the kernel’s RssAnon', footprint.value, status().RssAnon * 1024, MB)
  hog.kill('SIGKILL')

  near(
    'memory.available is the headroom of the group',
    (await subject.value('memory.available')).value,
    headroom(folder),
    8 * MB,
  )
  await subject.guard('full', { memory: 90 })
  await endsInTime(subject, 'full', killsIn(folder))

  const online = '/sys/devices/system/cpu/cpu1/online'
  write(online, 0)
  equal('a CPU is switched off', read(online), '0')
  await comes('cpu is still a share', async () => {
    const { value } = await subject.value('cpu')
    return value >= 0 && value <= 100
  })
  write(online, 1)
  const seen = await subject.run((t) => t.collect(['cpu', 'cpu.host'], 8))
  check(
    'cpu stays within 0 to 100',
    [...seen.cpu, ...seen['cpu.host']].every((each) => each >= 0 && each <= 100),
    seen,
  )

  const limited = await underLimits('--memory 80MB', `${bin}/hog 30 400 60`)
  equal('run ends a command for its memory', limited.code, 123)
  const own = await finish(['tripline', 'run', '--', 'sh', '-c', 'exit 7'])
  equal('run returns the status of a command that ends by itself', own.code, 7)
})
