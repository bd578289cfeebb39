// The binaries of a release, one row each. `platform`, `arch` and `armv` are the names that prebuildify and node-gyp-build
// use; `file` is derived from these.
const rows = [
  // One binary for every libc: see linkers.linux in compile.js. The oldest glibc is that of RHEL 7, which Amazon Linux 2
  // and Ubuntu 14.04 meet too.
  { platform: 'linux', arch: 'x64', zig: 'x86_64-linux-gnu.2.17' },
  { platform: 'linux', arch: 'arm64', zig: 'aarch64-linux-gnu.2.17' },
  // Without an armv tag, the binary is for every 32-bit ARM. The tagged one is preferred if Node reports ARMv7, where the
  // kernel emulates the barriers of ARMv6, or they trap. Thumb code of ARMv6 cannot use the FPU, so this binary mixes ARM
  // and Thumb functions. It reads no GPU: no ARMv6 machine has one.
  {
    platform: 'linux',
    arch: 'arm',
    zig: 'arm-linux-gnueabihf.2.17',
    cpu: 'arm1176jzf_s',
    mixed: true,
    withoutGpu: true,
  },
  // Thumb code is a third smaller. The CPU means ARMv7-A with VFPv3-D16, without NEON and division.
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

/**
 * The largest size of one binary; a machine maps only one of them. It was 160 KiB before the event loop's watch, the reach into
 * V8, the watchdog and the flight recorder, which take 19 KB on linux-x64; looking up imports saved 8 KB of that.
 */
export const maxBytes = 176 * 1024

/** The largest size of all binaries together, compressed in the tarball. It was 720 KB until the same features came. */
export const maxPackedBytes = 840_000

/** Returns the target that prebuildify's environment describes. */
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
