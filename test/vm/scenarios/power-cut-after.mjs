// After the power cut of `power-cut`: what the recordings on the disk say.
import { check, equal, machine, mountSpare, scenario, verdictOf } from '../guest/scenario.mjs'

await scenario(async () => {
  machine('device_add', { driver: 'virtio-blk-pci', drive: 'spare', id: 'disk', bus: 'one' })
  const path = await mountSpare(false)
  const { end, certainty, proofs } = await verdictOf(`${path}/cut`)
  equal('the process likely ended with the machine', `${end} ${certainty}`, 'reboot likely')
  check(
    'the boot ids show it',
    proofs.some((each) => each.includes('boot id')),
    proofs,
  )
  equal('one that had ended before has its exit code', (await verdictOf(`${path}/ended`)).exitCode, 3)
})
