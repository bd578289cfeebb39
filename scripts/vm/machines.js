// What is booted: kernels by Debian release and architecture, and the machines that the scenarios ask for by name.

/** Kernels of Debian. `flavour` is the end of the name of the meta package. */
export const kernels = {
  6.1: { release: 'bookworm', architecture: 'amd64', flavour: 'amd64' },
  6.12: { release: 'trixie', architecture: 'amd64', flavour: 'amd64' },
  '6.1-arm64': { release: 'bookworm', architecture: 'arm64', flavour: 'arm64' },
  '6.12-arm64-16k': { release: 'trixie', architecture: 'arm64', flavour: 'arm64-16k' },
}

/**
 * `memory` is in MiB, `append` goes on the kernel's command line, `init` is what process 1 is, `acpi` adds the table with a
 * battery, a charger and two zones.
 */
export const machines = {
  plain: { memory: 900 },
  legacy: { memory: 700 },
  small: { memory: 512 },
  devices: { memory: 700, acpi: true },
  'no-psi': { memory: 512, append: 'psi=0' },
  systemd: { memory: 900, init: '/lib/systemd/systemd', append: 'systemd.show_status=0' },
  first: { memory: 512, init: '/app/guest/first' },
}
