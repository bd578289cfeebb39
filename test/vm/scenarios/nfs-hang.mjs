// An NFS server with a hard mount goes away and comes back.
import { Subject, check, comes, equal, pause, poll, read, scenario, shell, start } from '../guest/scenario.mjs'

const path = '/mnt/nfs'

await scenario(async () => {
  await shell(
    `modprobe -a nfsd nfs; mkdir -p /srv/served ${path}; mount -t tmpfs -o size=20M tmpfs /srv/served; mount -t nfsd nfsd /proc/fs/nfsd 2>/dev/null; mkdir -p /run/rpcbind; true`,
  )
  start(['rpcbind', '-f'])
  await pause(500)
  await shell(
    'exportfs -o rw,no_root_squash,fsid=1,insecure,no_subtree_check 127.0.0.1:/srv/served; rpc.nfsd -N 3 -V 4 2',
  )
  start(['rpc.mountd', '--foreground', '--no-nfs-version', '3'])
  await poll(async () => {
    await shell(`mount -t nfs4 -o port=2049,timeo=20,retrans=1 127.0.0.1:/srv/served ${path} || true`)
    return read('/proc/mounts').includes(` ${path} nfs4 `)
  })
  const subject = await Subject.start()
  const at = (metric) => subject.value({ metric, path })
  const before = await at('disk.free')
  check('disk.free is that of the server', before.value > 15 * 2 ** 20 && before.value <= 20 * 2 ** 20, before)
  await subject.guard('low', { 'disk.free': { below: '1MB', path } })
  await subject.guard('other', { 'disk.free': { below: '1kB', path: '/' }, memory: 99 })
  equal('the guard is clear', await subject.state('low'), 'clear')

  await shell('rpc.nfsd 0')
  await subject.comes('the guard becomes unavailable', 'low', 'unavailable')
  for (const metric of ['disk.free', 'disk']) {
    const answer = await Promise.race([at(metric), pause(20_000)])
    check(`a sample() of ${metric} settles`, answer !== undefined)
    check(`${metric} is unavailable, with a reason`, answer?.unavailable?.length > 20, answer)
  }
  equal('a guard on other metrics is clear', await subject.state('other'), 'clear')
  equal('that guard has reported no event', subject.of('other').length, 0)

  await shell('rpc.nfsd -N 3 -V 4 2')
  await comes(
    'when the server is back, the guard is clear',
    async () => (await subject.state('low')) === 'clear',
    () => subject.state('low'),
    120_000,
  )
  const after = await comes(
    'disk.free has a value again',
    async () => ((await at('disk.free')).value === undefined ? undefined : at('disk.free')),
    () => at('disk.free'),
    120_000,
  )
  equal('the value is the same as before', after?.value, before.value)
  await shell(`umount -lf ${path}; rpc.nfsd 0; true`)
})
