// A FUSE file system stops answering: all of its metrics become unavailable, and nothing else waits for it.
import { Subject, bin, check, comes, equal, pause, poll, scenario, shell, start } from '../guest/scenario.mjs'

const path = '/mnt/hang'
const asked = ['disk', 'disk.free', 'disk.inodes']

await scenario(async () => {
  await shell(`modprobe fuse; mkdir -p ${path}`)
  const server = start(['python3', `${bin}/../programs/hang.py`, path])
  await poll(() => server.output.includes('mounted'))
  const subject = await Subject.start()
  const at = (metric) => subject.value({ metric, path })
  equal('disk.free while it answers', (await at('disk.free')).value, 400 * 4096)
  equal('disk while it answers', (await at('disk')).value, (100 * 500) / 900)
  equal('disk.inodes while it answers', (await at('disk.inodes')).value, 50)
  await subject.guard('often', { 'disk.free': { below: '100kB', path } }, { within: '100ms' })
  await subject.guard('rarely', { 'disk.inodes': { above: 99, path } }, { within: '5s' })
  await subject.guard('must', { disk: { above: 99, path, onMissing: 'breach' } })
  await subject.guard('other', { 'disk.free': { below: '1kB', path: '/' }, memory: 99 })
  equal('the guard is clear', await subject.state('often'), 'clear')

  server.kill('SIGUSR1')
  await pause(300)
  await subject.comes('a guard that reads often is notified', 'often', 'unavailable')
  await subject.comes('a guard that reads rarely is notified too', 'rarely', 'unavailable')
  await subject.comes("a guard with onMissing 'breach' breaches", 'must', 'breach')
  for (const metric of asked) {
    const answer = await Promise.race([at(metric), pause(20_000)])
    check(`a sample() of ${metric} settles`, answer !== undefined)
    check(`${metric} is unavailable, with a reason`, answer?.unavailable?.length > 20, answer)
  }
  check('other file systems are still read', (await subject.value({ metric: 'disk.free', path: '/' })).value > 0)
  equal('a guard on other metrics is clear', await subject.state('other'), 'clear')
  equal('that guard has reported no event', subject.of('other').length, 0)

  server.kill('SIGKILL')
  await shell(`umount -l ${path}`)
  await comes(
    'after an unmount, disk.free is that of the file system below',
    async () => (await at('disk.free')).value > 400 * 4096,
    () => at('disk.free'),
  )
  await comes(
    'after an unmount, the guards are clear',
    async () => (await subject.state('often')) === 'clear' && (await subject.state('must')) === 'clear',
    async () => [await subject.state('often'), await subject.state('must')],
  )
})
