// Reads a release binary in any of the three formats: its imports, the functions that it looks up instead, its exports, and
// the system that it requires.
import { createHash } from 'node:crypto'

/**
 * @returns {{
 *   format: 'elf' | 'macho' | 'pe', machine: string, exports: string[],
 *   imports: { name: string, version?: string, library?: string }[], libraries: string[],
 *   lookedUp?: string[], minOs?: string, nodelete?: boolean, bindNow?: boolean, execStack?: boolean, pageAlign?: number,
 *   signature?: string, timestamp?: number, text: Buffer[],
 * }}
 */
export function inspect(file) {
  if (file.readUInt32BE(0) === 0x7f454c46) return inspectElf(file)
  if (file.readUInt32LE(0) === 0xfeedfacf) return inspectMachO(file)
  if (file.toString('latin1', 0, 2) === 'MZ') return inspectPe(file)
  throw new Error('neither ELF nor Mach-O nor PE')
}

function text(file, at) {
  return file.toString('latin1', at, file.indexOf(0, at))
}

// ---- ELF ------------------------------------------------------------------------------------------------------------

const ELF_MACHINES = { 40: 'arm', 62: 'x64', 183: 'arm64' }

function inspectElf(file) {
  const wide = file[4] === 2
  const word = (at) => (wide ? Number(file.readBigUInt64LE(at)) : file.readUInt32LE(at))
  const field = (base, narrowAt, wideAt) => word(base + (wide ? wideAt : narrowAt))

  const segments = []
  const segmentCount = file.readUInt16LE(wide ? 56 : 44)
  const segmentSize = wide ? 56 : 32
  for (let i = 0; i < segmentCount; i++) {
    const at = field(0, 28, 32) + i * segmentSize
    segments.push({
      type: file.readUInt32LE(at),
      flags: file.readUInt32LE(at + (wide ? 4 : 24)),
      offset: field(at, 4, 8),
      address: field(at, 8, 16),
      size: field(at, 16, 32),
      align: field(at, 28, 48),
    })
  }
  const loaded = segments.filter((each) => each.type === 1)
  const toOffset = (address) => {
    const segment = loaded.find((each) => address >= each.address && address < each.address + each.size)
    return address - segment.address + segment.offset
  }

  const dynamic = new Map()
  const needed = []
  const { offset, size } = segments.find((each) => each.type === 2)
  for (let at = offset; at < offset + size; at += wide ? 16 : 8) {
    const tag = word(at)
    const value = word(at + (wide ? 8 : 4))
    if (tag === 0) break
    if (tag === 1) needed.push(value)
    else dynamic.set(tag, value)
  }
  const strings = toOffset(dynamic.get(5))
  const name = (at) => text(file, strings + at)

  const versions = new Map()
  if (dynamic.has(0x6ffffffe)) {
    let at = toOffset(dynamic.get(0x6ffffffe))
    for (let i = 0; i < dynamic.get(0x6fffffff); i++) {
      let entry = at + file.readUInt32LE(at + 8)
      for (let k = 0; k < file.readUInt16LE(at + 2); k++) {
        versions.set(file.readUInt16LE(entry + 6), name(file.readUInt32LE(entry + 8)))
        entry += file.readUInt32LE(entry + 12)
      }
      at += file.readUInt32LE(at + 12)
    }
  }

  const imports = []
  const exports = []
  const symbols = toOffset(dynamic.get(6))
  const versionTable = dynamic.has(0x6ffffff0) ? toOffset(dynamic.get(0x6ffffff0)) : undefined
  // Only the section header contains the number of symbols.
  const count = symbolCount(file, wide, symbols)
  for (let i = 1; i < count; i++) {
    const at = symbols + i * (wide ? 24 : 16)
    const info = file[at + (wide ? 4 : 12)]
    const section = file.readUInt16LE(at + (wide ? 6 : 14))
    const symbol = name(file.readUInt32LE(at))
    if (section !== 0) {
      exports.push(symbol)
      continue
    }
    const version =
      versionTable === undefined ? undefined : versions.get(file.readUInt16LE(versionTable + i * 2) & 0x7fff)
    imports.push({ name: symbol, weak: info >> 4 === 2, ...(version === undefined ? {} : { version }) })
  }
  const flags = dynamic.get(0x6ffffffb) ?? 0
  return {
    format: 'elf',
    machine: ELF_MACHINES[file.readUInt16LE(18)],
    exports,
    imports,
    lookedUp: readNames(file),
    libraries: needed.map(name),
    nodelete: (flags & 8) !== 0,
    bindNow: (flags & 1) !== 0,
    execStack: segments.some((each) => each.type === 0x6474e551 && (each.flags & 1) !== 0),
    pageAlign: Math.max(...loaded.map((each) => each.align)),
    text: loaded
      .filter((each) => (each.flags & 1) !== 0)
      .map((each) => file.subarray(each.offset, each.offset + each.size)),
  }
}

/** The functions that native/runtime/linux_host.c looks up when the binary is loaded. */
function readNames(file) {
  const marker = 'undefined symbol: \0'
  const start = file.indexOf(marker, 'latin1')
  if (start === -1) return []
  const names = []
  for (let at = start + marker.length - 1; ;) {
    let name = (names.at(-1) ?? '').slice(0, file[at++])
    const shared = name.length
    while (file[at] >= 0x20) name += String.fromCharCode(file[at++])
    if (name.length === shared) return names
    names.push(name)
  }
}

function symbolCount(file, wide, symbols) {
  const start = wide ? Number(file.readBigUInt64LE(40)) : file.readUInt32LE(32)
  const size = wide ? 64 : 40
  for (let i = 0; i < file.readUInt16LE(wide ? 60 : 48); i++) {
    const at = start + i * size
    const offset = wide ? Number(file.readBigUInt64LE(at + 24)) : file.readUInt32LE(at + 16)
    if (file.readUInt32LE(at + 4) !== 11 || offset !== symbols) continue
    return (wide ? Number(file.readBigUInt64LE(at + 32)) : file.readUInt32LE(at + 20)) / (wide ? 24 : 16)
  }
  throw new Error('no section of dynamic symbols')
}

// ---- Mach-O ---------------------------------------------------------------------------------------------------------

const MACHO_MACHINES = { 0x01000007: 'x64', 0x0100000c: 'arm64' }

function inspectMachO(file) {
  const result = {
    format: 'macho',
    machine: MACHO_MACHINES[file.readUInt32LE(4)],
    fileType: file.readUInt32LE(12),
    exports: [],
    imports: [],
    libraries: [],
    text: [],
  }
  let at = 32
  for (let i = 0; i < file.readUInt32LE(16); i++) {
    const command = file.readUInt32LE(at) & 0x7fffffff
    if (command === 0x0c || command === 0x18) result.libraries.push(text(file, at + file.readUInt32LE(at + 8)))
    if (command === 0x32) {
      const version = file.readUInt32LE(at + 12)
      result.minOs = `${version >> 16}.${(version >> 8) & 255}`
      result.platform = file.readUInt32LE(at + 8)
    }
    if (command === 0x02) readMachOSymbols(file, at, result)
    if (command === 0x1d) result.signature = checkSignature(file, file.readUInt32LE(at + 8))
    at += file.readUInt32LE(at + 4)
  }
  return result
}

function readMachOSymbols(file, at, result) {
  const symbols = file.readUInt32LE(at + 8)
  const strings = file.readUInt32LE(at + 16)
  for (let i = 0; i < file.readUInt32LE(at + 12); i++) {
    const entry = symbols + i * 16
    const type = file[entry + 4]
    if ((type & 0xe0) !== 0 || (type & 1) === 0) continue
    const name = text(file, strings + file.readUInt32LE(entry)).replace(/^_/, '')
    if ((type & 0x0e) === 0) result.imports.push({ name })
    else result.exports.push(name)
  }
}

/** 'ad-hoc' if the signature has the right hash of every page; otherwise the reason why it is invalid. */
function checkSignature(file, start) {
  if (file.readUInt32BE(start) !== 0xfade0cc0) return 'no signature'
  for (let i = 0; i < file.readUInt32BE(start + 8); i++) {
    const blob = start + file.readUInt32BE(start + 12 + i * 8 + 4)
    if (file.readUInt32BE(blob) !== 0xfade0c02) continue
    const flags = file.readUInt32BE(blob + 12)
    const hashes = blob + file.readUInt32BE(blob + 16)
    const slots = file.readUInt32BE(blob + 28)
    const limit = file.readUInt32BE(blob + 32)
    const hashSize = file[blob + 36]
    const pageSize = 1 << file[blob + 39]
    if (file[blob + 37] !== 2) return `hash type ${file[blob + 37]}`
    if ((flags & 2) === 0) return 'not ad-hoc'
    if (limit !== start || slots !== Math.ceil(limit / pageSize)) return 'does not cover the file'
    for (let page = 0; page < slots; page++) {
      const bytes = file.subarray(page * pageSize, Math.min((page + 1) * pageSize, limit))
      const hash = file.subarray(hashes + page * hashSize, hashes + (page + 1) * hashSize)
      if (!createHash('sha256').update(bytes).digest().equals(hash)) return `page ${page} has another hash`
    }
    return 'ad-hoc'
  }
  return 'no code directory'
}

// ---- PE -------------------------------------------------------------------------------------------------------------

const PE_MACHINES = { 0x14c: 'ia32', 0x8664: 'x64', 0xaa64: 'arm64' }

function inspectPe(file) {
  const header = file.readUInt32LE(0x3c)
  const optional = header + 24
  const wide = file.readUInt16LE(optional) === 0x20b
  const sections = []
  for (let i = 0; i < file.readUInt16LE(header + 6); i++) {
    const at = optional + file.readUInt16LE(header + 20) + i * 40
    sections.push({
      address: file.readUInt32LE(at + 12),
      size: file.readUInt32LE(at + 16),
      offset: file.readUInt32LE(at + 20),
    })
  }
  const toOffset = (address) => {
    const section = sections.find((each) => address >= each.address && address < each.address + each.size)
    return address - section.address + section.offset
  }
  const directory = (index) => file.readUInt32LE(optional + (wide ? 112 : 96) + index * 8)

  const exports = []
  if (directory(0) !== 0) {
    const at = toOffset(directory(0))
    const names = toOffset(file.readUInt32LE(at + 32))
    for (let i = 0; i < file.readUInt32LE(at + 24); i++)
      exports.push(text(file, toOffset(file.readUInt32LE(names + i * 4))))
  }
  const imports = []
  const libraries = []
  for (let at = toOffset(directory(1)); file.readUInt32LE(at + 12) !== 0; at += 20) {
    const library = text(file, toOffset(file.readUInt32LE(at + 12))).toLowerCase()
    libraries.push(library)
    for (let entry = toOffset(file.readUInt32LE(at)); ; entry += wide ? 8 : 4) {
      const value = wide ? Number(file.readBigUInt64LE(entry)) : file.readUInt32LE(entry)
      if (value === 0) break
      imports.push({ name: text(file, toOffset(value) + 2), library })
    }
  }
  return {
    format: 'pe',
    machine: PE_MACHINES[file.readUInt16LE(header + 4)],
    exports,
    imports,
    libraries,
    timestamp: file.readUInt32LE(header + 8),
    minOs: `${file.readUInt16LE(optional + 48)}.${file.readUInt16LE(optional + 50)}`,
    // Whether it can be loaded at any address and its data cannot be executed.
    hardened: (file.readUInt16LE(optional + 70) & 0x140) === 0x140,
    text: [],
  }
}
