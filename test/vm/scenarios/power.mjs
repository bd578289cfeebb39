// A battery, a charger and two zones from ACPI, an I2C sensor and a cooling device: exact values, and events in order.
import { Subject, check, comes, equal, read, scenario, shell, write } from '../guest/scenario.mjs'
import { openSync, readdirSync, writeSync } from 'node:fs'

const bytes = { heat0: 0x60, charge: 0x61, state: 0x62, charger: 0x63, present: 0x64, heat1: 0x65 }
const idle = 0
const discharging = 1
const charging = 2

/** Sets the state of the ACPI table, which is in the clock's memory. */
function set(values) {
  const port = openSync('/dev/port', 'r+')
  for (const [name, value] of Object.entries(values)) {
    writeSync(port, Buffer.from([bytes[name]]), 0, 1, 0x70)
    writeSync(port, Buffer.from([value]), 0, 1, 0x71)
  }
}

await scenario(async () => {
  await shell('modprobe -r battery ac 2>/dev/null; true')
  set({ heat0: 45, heat1: 40, charge: 80, state: idle, charger: 1, present: 1 })
  await shell(
    'modprobe -a thermal ac battery i2c-stub lm75 2>/dev/null; modprobe i2c-stub chip_addr=0x48; modprobe lm75; true',
  )
  const bus = readdirSync('/sys/bus/i2c/devices').find((each) =>
    /SMBus stub/i.test(read(`/sys/bus/i2c/devices/${each}/name`)),
  )
  write(`/sys/bus/i2c/devices/${bus}/new_device`, 'lm75 0x48')
  await comes('the kernel has the battery', () =>
    readdirSync('/sys/class/power_supply').some((each) => read(`/sys/class/power_supply/${each}/type`) === 'Battery'),
  )

  const subject = await Subject.start()
  const is = async (what, query, expected) => {
    let seen
    const fits = async () => (seen = await subject.value(query)).value === expected
    await comes(`${what}: ${expected}`, fits, () => seen)
  }
  await is('battery', 'battery', 80)
  await is('power.online with the charger', 'power.online', 1)
  await is('temperature of the hotter zone', 'temperature', 45)
  await is('throttled', 'throttled', 0)
  const lm75 = await subject.value({ metric: 'temperature', zone: 'lm75' })
  const sensor = await shell('cat /sys/bus/i2c/devices/*-0048/hwmon/hwmon*/temp1_input')
  equal('a zone can be selected by the name of its chip', lm75.value, Number(sensor) / 1000)
  const missing = await subject.guard('none', { temperature: { above: 50, zone: 'nonesuch' } }).catch((error) => error)
  equal('a zone that does not exist is refused', missing.code, 'ERR_TRIPLINE_METRIC_UNAVAILABLE')

  await subject.guard('hot', { temperature: 80 })
  await subject.guard('empty', { battery: 15 })
  await subject.guard('unplugged', { 'power.online': { below: 1 } })
  await subject.guard('throttled', { throttled: { above: 0 } })

  set({ heat0: 85 })
  const hot = await subject.comes('temperature breaches when a zone gets hot', 'hot', 'breach')
  equal('the breach has its degrees', hot?.value, 85)
  set({ heat0: 50, heat1: 95 })
  await is('temperature of the other zone', 'temperature', 95)
  set({ heat0: 40, heat1: 41 })
  await is('temperature when both are cool', 'temperature', 41)
  await subject.comes('the guard on temperature is clear', 'hot', 'clear')

  set({ charge: 10, state: discharging, charger: 0 })
  const empty = await subject.comes('battery breaches when it runs low', 'empty', 'breach')
  equal('the breach has its charge', empty?.value, 10)
  const unplugged = await subject.comes('power.online breaches without the charger', 'unplugged', 'breach')
  equal('the breach of power.online has 0', unplugged?.value, 0)
  set({ state: charging })
  await is('power.online while the battery charges, whatever the charger says', 'power.online', 1)
  set({ charger: 1, charge: 60 })
  await subject.comes('the guard on battery is clear', 'empty', 'clear')
  await subject.comes('the guard on power.online is clear', 'unplugged', 'clear')
  await is('battery', 'battery', 60)
  set({ charge: 0 })
  await is('an empty battery', 'battery', 0)
  set({ charge: 100, state: idle })
  await is('a full battery', 'battery', 100)

  const cooler = readdirSync('/sys/class/thermal').find((each) => {
    return each.startsWith('cooling_device') && read(`/sys/class/thermal/${each}/type`) === 'Processor'
  })
  if (cooler !== undefined && Number(read(`/sys/class/thermal/${cooler}/max_state`)) > 0) {
    write(`/sys/class/thermal/${cooler}/cur_state`, 1)
    const throttled = await subject.comes(
      'throttled breaches when a cooling device of the CPU is active',
      'throttled',
      'breach',
    )
    equal('the breach of throttled has 1', throttled?.value, 1)
    write(`/sys/class/thermal/${cooler}/cur_state`, 0)
    await subject.comes('and stops', 'throttled', 'clear')
  } else {
    check('throttled stays clear without a cooling device', (await subject.state('throttled')) === 'clear')
  }

  // The battery is removed.
  await shell('modprobe -r battery')
  await comes(
    'battery is unavailable without one',
    async () => (await subject.value('battery')).unavailable !== undefined,
  )
  await subject.comes('its guard becomes unavailable', 'empty', 'unavailable')
  await is('power.online', 'power.online', 1)
  await shell('modprobe battery')
  await is('battery when it is back', 'battery', 100)
  await comes('its guard sees it again', async () => (await subject.state('empty')) === 'clear')
})
