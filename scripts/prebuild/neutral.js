// Makes a Linux binary independent of the C library. The binary is linked with the stubs of glibc 2.17, which proves that
// glibc has every function that it calls. Then the names and versions of the libraries are removed. At run time the
// functions come from the libc that the host has already loaded, glibc or musl: a file that is loaded into a running
// program does not need to name a libc, so one binary works with both. This relies on three facts; rules.js checks the
// list of functions:
//   - both have every function, and the layout of the arguments is the same in both, or larger in glibc;
//   - where glibc has two versions of a function, a name without a version means the older one, which must work too;
//   - on 32-bit ARM, musl's functions with the plain names use 32-bit times.
const NULL = 0
const NEEDED = 1
const VERSYM = 0x6ffffff0
const VERNEED = 0x6ffffffe
const VERNEEDNUM = 0x6fffffff
const FORGOTTEN = new Set([NEEDED, VERSYM, VERNEED, VERNEEDNUM])

/** Removes the names and versions of libraries from the dynamic section of an ELF `file`, in place. */
export function forgetLibraries(file) {
  const wide = file[4] === 2
  const size = wide ? 16 : 8
  const tagAt = (at) => (wide ? Number(file.readBigUInt64LE(at)) : file.readUInt32LE(at))
  const { start, end } = dynamicSection(file, wide)
  let to = start
  for (let from = start; from < end; from += size) {
    if (FORGOTTEN.has(tagAt(from))) continue
    file.copy(file, to, from, from + size)
    to += size
    if (tagAt(from) === NULL) break
  }
  file.fill(0, to, end)
}

function dynamicSection(file, wide) {
  const headers = wide ? Number(file.readBigUInt64LE(32)) : file.readUInt32LE(28)
  const count = file.readUInt16LE(wide ? 56 : 44)
  const step = wide ? 56 : 32
  for (let at = headers; at < headers + count * step; at += step) {
    if (file.readUInt32LE(at) !== 2) continue
    const start = wide ? Number(file.readBigUInt64LE(at + 8)) : file.readUInt32LE(at + 4)
    return { start, end: start + (wide ? Number(file.readBigUInt64LE(at + 32)) : file.readUInt32LE(at + 16)) }
  }
  throw new Error('no dynamic section')
}
