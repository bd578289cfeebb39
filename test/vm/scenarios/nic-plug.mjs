// A network card is plugged in, used, pulled out and plugged in again: its bytes count, and rates are never negative.
import { existsSync, readdirSync } from 'node:fs'
import { Subject, check, comes, equal, machine, pause, read, scenario, shell } from '../guest/scenario.mjs'

const metrics = ['network.rx', 'network.tx']

/** Plugs in a card, gives it an address and returns its name. */
async function plug() {
  const before = new Set(readdirSync('/sys/class/net'))
  machine('device_add', { driver: 'virtio-net-pci', netdev: 'net', id: 'card', bus: 'two' })
  const name = await comes('the kernel has the card', () =>
    readdirSync('/sys/class/net').find((each) => !before.has(each)),
  )
  await shell(`ip link set ${name} up && ip addr add 10.0.2.15/24 dev ${name}`)
  return name
}

async function unplug(name) {
  machine('device_del', { id: 'card' })
  await comes('the kernel has lost the card', () => !existsSync(`/sys/class/net/${name}`))
}

await scenario(async () => {
  await shell('modprobe virtio_net')
  const subject = await Subject.start()
  await subject.guard('sending', { 'network.tx': { above: '5kB', for: 0 } })
  await subject.guard('absurd', { 'network.rx': { above: '1GB', for: 0 }, 'network.tx': { above: '1GB', for: 0 } })
  const watched = subject.run((t, ...args) => t.collect(...args), metrics, 80)

  for (let round = 0; round < 2; round++) {
    const name = await plug()
    const sent = Number(read(`/sys/class/net/${name}/statistics/tx_bytes`))
    await shell("bash -c 'for i in $(seq 200); do head -c 1400 /dev/zero >/dev/udp/10.0.2.2/9; done'")
    const bytes = Number(read(`/sys/class/net/${name}/statistics/tx_bytes`)) - sent
    check('the kernel has counted the bytes that were sent', bytes > 100_000, bytes)
    await subject.comes(`network.tx breaches, card ${round + 1}`, 'sending', 'breach', round)
    await subject.comes('network.tx is clear again', 'sending', 'clear', round)
    await unplug(name)
    await pause(1000)
  }
  const seen = await watched
  for (const metric of metrics)
    check(
      `${metric} is never negative`,
      seen[metric].every((each) => each >= 0),
      seen[metric].map(Math.round),
    )
  equal('no counter that starts anew shows as a rate', subject.of('absurd', 'breach').length, 0)
  equal('no metric was unavailable', subject.events.filter((each) => each.event === 'unavailable').length, 0)
})
