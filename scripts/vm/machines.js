// The kernels, by Debian release and architecture, and the machines, which scenarios refer to by name.

/** Debian's kernels. `flavour` is the suffix of the meta package's name. */
export const kernels = {
  6.1: { release: 'bookworm', architecture: 'amd64', flavour: 'amd64' },
  6.12: { release: 'trixie', architecture: 'amd64', flavour: 'amd64' },
  '6.1-arm64': { release: 'bookworm', architecture: 'arm64', flavour: 'arm64' },
  '6.12-arm64-16k': { release: 'trixie', architecture: 'arm64', flavour: 'arm64-16k' },
}

/**
 * `memory` is in MiB, `append` is added to the kernel's command line, `init` is the program of process 1, and `acpi` adds
 * the table with a battery, a charger and two thermal zones.
 */
export const machines = {
  plain: { memory: 900 },
  legacy: { memory: 700 },
  small: { memory: 512 },
  devices: { memory: 700, acpi: true },
  'no-psi': { memory: 512, append: 'psi=0' },
  systemd: { memory: 900, init: '/lib/systemd/systemd', append: 'systemd.show_status=0' },
  short: { memory: 768, init: '/lib/systemd/systemd', append: 'systemd.show_status=0' },
  first: { memory: 512, init: '/app/guest/first' },
}
