// Writes the table that a scenario has printed to bench/results/, where bench/report.js finds it.
import { writeFileSync } from 'node:fs'
import { describeMachine } from '../../bench/lib/machine.js'
import { emulatorVersion } from './guest.js'
import { machines } from './machines.js'

/** `results` is what the scenario has printed: columns and rows of text. */
export function writeResults({ name, machine, results }, kernelVersion) {
  const { node, package: version, date } = describeMachine()
  const guest = {
    memory: machines[machine].memory,
    kernel: kernelVersion,
    emulator: `qemu ${emulatorVersion()}`,
    node,
    package: version,
    date,
  }
  const file = new URL(`../../bench/results/${name}-vm.json`, import.meta.url)
  writeFileSync(file, `${JSON.stringify({ suite: `${name}-vm`, guest, ...results }, undefined, 2)}\n`)
}
