/** Checks a shared library's ELF header for problems that dlopen reports late or not at all. */
import { Buffer } from 'node:buffer'
import { closeSync, openSync, readSync, statSync } from 'node:fs'

// Offsets in the header of an ELF file, and values at them.
const CLASS = 4
const CLASS_64 = 2
const BYTE_ORDER = 5
const LITTLE_ENDIAN = 1
const MACHINE = 18
const MACHINES: Readonly<Record<string, number>> = { arm: 40, arm64: 183, x64: 62 }

/**
 * Says why a library cannot be loaded; undefined if no problem is found. The loader maps a truncated library, which kills the
 * process at the first access to the missing part, and calls one for another processor "not found".
 */
export function elfProblem(file: string): string | undefined {
  const header = process.platform === 'linux' ? readHeader(file) : undefined
  // For a file that is not a library, the loader's own message is clear.
  if (header === undefined) return undefined
  const machine = MACHINES[process.arch]
  if (machine !== undefined && header.readUInt16LE(MACHINE) !== machine) return 'made for another processor'
  return statSync(file).size < sizeBy(header) ? 'cut off: the end of the file is missing' : undefined
}

/** The end of the section table, which linkers write last. */
function sizeBy(header: Buffer): number {
  const is64 = header[CLASS] === CLASS_64
  const table = is64 ? Number(header.readBigUInt64LE(40)) : header.readUInt32LE(32)
  const [entrySize, entries] = is64 ? ([58, 60] as const) : ([46, 48] as const)
  return table + header.readUInt16LE(entrySize) * header.readUInt16LE(entries)
}

/** Reads the header; undefined if the file cannot be read or is not an ELF file. */
function readHeader(file: string): Buffer | undefined {
  const header = Buffer.alloc(64)
  try {
    const descriptor = openSync(file, 'r')
    try {
      readSync(descriptor, header, 0, header.length, 0)
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return undefined
  }
  return header.toString('latin1', 0, 4) === '\x7fELF' && header[BYTE_ORDER] === LITTLE_ENDIAN ? header : undefined
}
