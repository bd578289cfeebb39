/**
 * Files of evidence in a folder that others may write to as well: each is new, follows no symbolic link, has a name of its own,
 * and can be read by its owner only. The oldest files of this library are removed to keep the bounds, and no others.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, constants, existsSync, lstatSync, openSync, readdirSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { formatSize } from '../base/units.js'
import { checkFolder } from './folder.js'
import type { EvidenceKind, EvidenceSettings } from './options.js'

const ENDINGS: Readonly<Record<EvidenceKind, string>> = {
  stack: 'txt',
  profile: 'cpuprofile',
  snapshot: 'heapsnapshot',
  report: 'json',
}
const OURS =
  /^tripline-(?:stack|profile|snapshot|report)-(\d{8}T\d{9}Z)-\d+-[\da-f]{12}\.(?:txt|cpuprofile|heapsnapshot|json)$/
// Missing on Windows.
const { O_NOFOLLOW = 0, O_DIRECTORY = 0 } = constants as Partial<typeof constants>

/** A file that is being written. */
export interface EvidenceFile {
  readonly path: string
  /** @throws Error if it fails, or if the file becomes larger than all may be together */
  write(text: string): void
  /** Closes it, and returns its size in bytes. */
  done(): number
  /** Removes it. */
  abandon(): void
}

interface Found {
  readonly name: string
  readonly written: string
  readonly size: number
}

/** The folder, held open, so that what it is cannot change while it is used. */
export class EvidenceStore implements Disposable {
  readonly #settings: EvidenceSettings
  readonly #fd: number | undefined
  readonly #at: string

  /** @throws Error if the folder is gone, or has become a link */
  constructor(settings: EvidenceSettings) {
    this.#settings = settings
    const { path } = settings
    checkFolder(path, 'evidenceFolder.path')
    this.#at = path
    if (process.platform !== 'linux') return
    this.#fd = openSync(path, constants.O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    // A name below an open folder is looked up in that very folder.
    const held = `/proc/self/fd/${this.#fd}`
    if (existsSync(held)) this.#at = held
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
  }

  /** Creates a file, after the oldest have made room for one more. */
  create(kind: EvidenceKind): EvidenceFile {
    const { maxFiles, maxSize, path } = this.#settings
    this.prune(maxFiles - 1, maxSize)
    const stamp = new Date().toISOString().replaceAll(/[-:.]/g, '')
    const name = `tripline-${kind}-${stamp}-${process.pid}-${randomBytes(6).toString('hex')}.${ENDINGS[kind]}`
    const at = join(this.#at, name)
    const fd = openSync(at, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | O_NOFOLLOW, 0o600)
    let size = 0
    return {
      path: join(path, name),
      write: (text) => {
        const bytes = Buffer.from(text)
        size += bytes.length
        if (size > maxSize) throw new Error(`it is larger than ${formatSize(maxSize)} (maxSize)`)
        for (let from = 0; from < bytes.length;) from += writeSync(fd, bytes, from)
      },
      done: () => {
        closeSync(fd)
        this.prune(maxFiles, maxSize)
        return size
      },
      abandon: () => {
        closeSync(fd)
        unlinkSync(at)
      },
    }
  }

  /** Removes the oldest files of this library until at most so many, with so many bytes, are left. */
  prune(maxFiles: number, maxSize: number): void {
    const files = this.#ours().toSorted((a, b) => (a.written < b.written ? -1 : 1))
    let total = files.reduce((sum, each) => sum + each.size, 0)
    for (let count = files.length; count > maxFiles || total > maxSize; count--) {
      const oldest = files.shift()
      if (oldest === undefined) return
      total -= oldest.size
      try {
        unlinkSync(join(this.#at, oldest.name))
      } catch {
        // Another process has removed it.
      }
    }
  }

  /** By name, kind of file and owner. */
  #ours(): Found[] {
    const owner = this.#fd === undefined ? undefined : process.geteuid?.()
    return readdirSync(this.#at).flatMap((name) => {
      const [, written] = OURS.exec(name) ?? []
      if (written === undefined) return []
      const stat = lstatSync(join(this.#at, name), { throwIfNoEntry: false })
      if (stat?.isFile() !== true || (owner !== undefined && stat.uid !== owner)) return []
      return [{ name, written, size: stat.size }]
    })
  }
}
