// The binaries of a release, one row each. `platform`, `arch` and `armv` are what prebuildify and
// node-gyp-build know them by; `file` is the name that follows from these.
const rows = [
  // One for every libc: see neutral.js. The floor of glibc is that of RHEL 7, Amazon Linux 2 and Ubuntu 14.04.
  { platform: 'linux', arch: 'x64', zig: 'x86_64-linux-gnu.2.17' },
  { platform: 'linux', arch: 'arm64', zig: 'aarch64-linux-gnu.2.17' },
  // Without an armv tag it serves every 32-bit ARM; the tagged one is preferred where Node says that it runs on ARMv7,
  // because there the kernel emulates the barriers of ARMv6, or they trap.
  // It cannot use Thumb code with its FPU. So that it keeps the bound of the others, it reads no GPU: no machine has both.
  { platform: 'linux', arch: 'arm', zig: 'arm-linux-gnueabihf.2.17', cpu: 'arm1176jzf_s', withoutGpu: true },
  // Thumb code, a third smaller; the CPU stands for ARMv7-A with VFPv3-D16 and neither NEON nor division.
  {
    platform: 'linux',
    arch: 'arm',
    armv: '7',
    zig: 'arm-linux-gnueabihf.2.17',
    cpu: 'cortex_a9-neon-d32',
    thumb: true,
  },
  { platform: 'darwin', arch: 'x64', zig: 'x86_64-macos.11.0' },
  { platform: 'darwin', arch: 'arm64', zig: 'aarch64-macos.11.0' },
  { platform: 'win32', arch: 'x64', zig: 'x86_64-windows-gnu' },
  { platform: 'win32', arch: 'arm64', zig: 'aarch64-windows-gnu' },
  { platform: 'win32', arch: 'ia32', zig: 'x86-windows-gnu' },
]

function complete(row) {
  const tags = row.armv === undefined ? [] : [`armv${row.armv}`]
  const folder = `${row.platform}-${row.arch}`
  const file = `${folder}/${['tripline', ...tags, 'node'].join('.')}`
  return { ...row, name: [folder, ...tags].join('-'), file }
}

export const targets = rows.map(complete)

/** The bound of one binary; a machine maps one of them. */
export const maxBytes = 160 * 1024

/** The bound of all binaries together in the tarball, compressed. */
export const maxPackedBytes = 720_000

/** The target that prebuildify's environment describes. */
export function targetOf({ PREBUILD_PLATFORM, PREBUILD_ARCH, PREBUILD_ARMV }) {
  const found = targets.find(
    (each) =>
      each.platform === PREBUILD_PLATFORM &&
      each.arch === PREBUILD_ARCH &&
      (each.arch !== 'arm' || (each.armv ?? '6') === PREBUILD_ARMV),
  )
  if (found === undefined) throw new Error(`no such target: ${PREBUILD_PLATFORM}-${PREBUILD_ARCH}`)
  return found
}
