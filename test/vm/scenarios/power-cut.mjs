// A process records to a disk. The host then cuts the power, and `power-cut-after` reads the recording after the next boot.
import { check, comes, machine, mountSpare, recorded, scenario, shell, verdictOf } from '../guest/scenario.mjs'

await scenario(async () => {
  machine('device_add', { driver: 'virtio-blk-pci', drive: 'spare', id: 'disk', bus: 'one' })
  const path = await mountSpare(true)
  const first = await recorded(`${path}/ended`, {}, 'process.exit(3)')
  await first.ended
  // The mark of an end is not flushed; the kernel writes it in its own time.
  await shell('sync')
  // The breach makes the recorder flush.
  await recorded(`${path}/cut`, {}, 'guard({ memory: 0.001 })')
  await comes('the breach is in the recording', async () =>
    (await verdictOf(`${path}/cut`)).guards.some((each) => each.state === 'breached'),
  )
  check('it is running', (await verdictOf(`${path}/cut`)).end === 'running')
  await shell('sleep 1')
}, true)
