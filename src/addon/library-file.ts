/** What Linux does not say, or says too late, of the file of a shared library. */
import { Buffer } from 'node:buffer'
import { closeSync, openSync, readSync, statSync } from 'node:fs'

// Places in the header of an ELF file, and what is there.
const CLASS = 4
const CLASS_64 = 2
const BYTE_ORDER = 5
const LITTLE_ENDIAN = 1
const MACHINE = 18
const MACHINES: Readonly<Record<string, number>> = { arm: 40, arm64: 183, x64: 62 }

/**
 * Why a library cannot be loaded; undefined where nothing is known against it. One that was cut off is mapped all the
 * same, and kills the process at the first look at what is missing; one for another processor is called "not found".
 */
export function elfProblem(file: string): string | undefined {
  const header = process.platform === 'linux' ? readHeader(file) : undefined
  // For what is no library at all the loader has words of its own.
  if (header === undefined) return undefined
  const machine = MACHINES[process.arch]
  if (machine !== undefined && header.readUInt16LE(MACHINE) !== machine) return 'made for another processor'
  return statSync(file).size < sizeBy(header) ? 'cut off: the end of the file is missing' : undefined
}

/** Where the table of sections ends, which is what linkers write last. */
function sizeBy(header: Buffer): number {
  const is64 = header[CLASS] === CLASS_64
  const table = is64 ? Number(header.readBigUInt64LE(40)) : header.readUInt32LE(32)
  const [entrySize, entries] = is64 ? ([58, 60] as const) : ([46, 48] as const)
  return table + header.readUInt16LE(entrySize) * header.readUInt16LE(entries)
}

/** Undefined where it cannot be read or is not one of ELF. */
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
