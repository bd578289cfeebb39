/** The folder through which processes see each other's reservations. */
import {
  closeSync,
  existsSync,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  opendirSync,
  constants,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  type Dir,
  type Stats,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { CAREFULLY } from '../base/careful.js'
import { isHeld } from '../addon/lock.js'
import { NotReservedError } from '../base/errors.js'
import { prepareFolder } from '../base/private-folder.js'
import { LARGEST_FILE, decode, type OwnerContent } from './claims.js'

const { O_CREAT, O_EXCL, O_RDONLY, O_WRONLY } = constants
const WINDOWS = process.platform === 'win32'
/** The most owners that are read. */
const MAX_OWNERS = 1024
const MAX_ENTRIES = 16 * MAX_OWNERS
/** The most claims that are judged: more would block the event loop. */
const MAX_CLAIMS_IN_ALL = 4 * MAX_OWNERS
// A file without an owner that is older than this was left by a crash.
const ABANDONED_MS = 3_600_000

/** An owner whose lock is held, as its file describes it. */
export interface Owner extends OwnerContent {
  readonly id: string
  /** The user that the file belongs to; -1 on Windows. */
  readonly uid: number
}

/** What the folder contains. */
export interface Listing {
  readonly owners: readonly Owner[]
  /** Whether it has more owners or claims than are read. */
  readonly crowded: boolean
}

export class Folder {
  readonly path: string
  /** Whether several users share it. */
  readonly shared: boolean
  readonly #exists: boolean
  readonly #prefix: string
  readonly #name: RegExp

  /**
   * @param create whether to make the folder if there is none; otherwise it then counts as empty
   * @throws NotReservedError
   */
  constructor(create: boolean = true) {
    this.path = placeOf()
    this.#exists = create || existsSync(this.path)
    this.shared = this.#exists && check(this.path)
    this.#prefix = machine()
    this.#name = new RegExp(`^${this.#prefix}-([0-9a-f]{16})\\.(claim|lock|claim\\.new|lock\\.new)$`)
  }

  /** Makes it again, if a cleaner of temporary files has removed it. Not one that users share, which one alone cannot make. */
  restore(): void {
    if (!this.shared) check(this.path)
  }

  get mode(): number {
    return this.shared ? 0o644 : 0o600
  }

  claimFile(id: string): string {
    return join(this.path, `${this.#prefix}-${id}.claim`)
  }

  lockFile(id: string): string {
    return join(this.path, `${this.#prefix}-${id}.lock`)
  }

  /** The id of the owner that a file belongs to; undefined for other files. */
  ownerOf(name: string): string | undefined {
    return this.#name.exec(name)?.[1]
  }

  /** Creates an empty claim file, so that no other user can create one by that name. */
  createClaim(id: string): void {
    closeSync(this.#create(this.claimFile(id)))
  }

  /** Replaces the content of a claim file at once. */
  write(id: string, text: string): void {
    const early = `${this.claimFile(id)}.new`
    try {
      const fd = this.#create(early)
      try {
        writeFileSync(fd, text)
      } finally {
        closeSync(fd)
      }
      rename(early, this.claimFile(id))
    } catch (error) {
      // Left by a full disk, it would be in the way of the next one.
      rmSync(early, { force: true })
      throw error
    }
  }

  #create(file: string): number {
    const fd = openSync(file, O_CREAT | O_EXCL | O_WRONLY | CAREFULLY, this.mode)
    // Whatever the umask is: in a shared folder, other users must be able to read it.
    if (!WINDOWS) fchmodSync(fd, this.mode)
    return fd
  }

  remove(id: string): void {
    for (const file of [this.claimFile(id), `${this.claimFile(id)}.new`, this.lockFile(id)]) {
      try {
        rmSync(file, { force: true })
      } catch {
        // It belongs to another user, or another process is reading it (Windows); a later poll removes it.
      }
    }
  }

  /** Lists the living owners, and removes what dead ones have left. */
  list(): Listing {
    const { ids, crowded } = this.#ids()
    const owners: Owner[] = []
    let claims = 0
    for (const id of ids) {
      const owner = this.#read(id)
      if (owner === undefined) continue
      claims += owner.claims.length
      if (claims > MAX_CLAIMS_IN_ALL) return { owners, crowded: true }
      owners.push(owner)
    }
    return { owners, crowded }
  }

  #ids(): { ids: Iterable<string>; crowded: boolean } {
    const ids = new Set<string>()
    if (!this.#exists) return { ids, crowded: false }
    let directory: Dir
    try {
      directory = opendirSync(this.path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      // A cleaner has removed it. The next poll makes it again.
      return { ids, crowded: true }
    }
    try {
      for (let seen = 0; seen < MAX_ENTRIES && ids.size < MAX_OWNERS; seen++) {
        const entry = directory.readSync()
        if (entry === null) return { ids, crowded: false }
        const id = this.ownerOf(entry.name)
        if (id !== undefined) ids.add(id)
      }
      return { ids, crowded: true }
    } finally {
      directory.closeSync()
    }
  }

  #read(id: string): Owner | undefined {
    const file = this.claimFile(id)
    const found = readCarefully(file)
    if (found === undefined) {
      this.#removeAbandoned(id)
      return undefined
    }
    const { status, text } = found
    const uid = WINDOWS ? -1 : status.uid
    // In a folder of one user, files of others cannot be there; in a shared one, each lock must be its owner's own.
    if (!WINDOWS && !this.shared && uid !== process.geteuid!()) return undefined
    const held = isHeld(this.lockFile(id), WINDOWS ? undefined : uid)
    if (held === false) this.remove(id)
    // Between the first file and the lock, an owner has none yet.
    else if (held === undefined) this.#removeAbandoned(id)
    if (held !== true) return undefined
    const content = decode(text)
    return content && { ...content, id, uid }
  }

  /** Removes files that have been without a lock or a claim for long. */
  #removeAbandoned(id: string): void {
    for (const file of [this.claimFile(id), this.lockFile(id)].flatMap((each) => [each, `${each}.new`])) {
      try {
        if (Date.now() - lstatSync(file).mtimeMs > ABANDONED_MS && isHeld(file) !== true) rmSync(file, { force: true })
      } catch {
        // There is no such file, or it belongs to another user.
      }
    }
  }
}

/** Reads a file of limited size without following links; undefined if that fails. */
function readCarefully(file: string): { status: Stats; text: string } | undefined {
  let fd: number
  try {
    fd = openSync(file, O_RDONLY | CAREFULLY)
  } catch {
    return undefined
  }
  try {
    const status = fstatSync(fd)
    if (!status.isFile() || status.size > LARGEST_FILE) return undefined
    const bytes = Buffer.alloc(status.size)
    return { status, text: bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, 0)) }
  } catch {
    return undefined
  } finally {
    closeSync(fd)
  }
}

/** Windows refuses to replace a file while another process is opening it. */
function rename(from: string, to: string): void {
  for (let tries = WINDOWS ? 50 : 1; ; tries--) {
    try {
      return renameSync(from, to)
    } catch (error) {
      if (tries <= 1) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
    }
  }
}

/** `TRIPLINE_RESERVATIONS`, or a folder of this user. TMPDIR is not used, because it differs between the user's processes. */
function placeOf(): string {
  const named = process.env['TRIPLINE_RESERVATIONS'] ?? ''
  if (named !== '') return resolve(named)
  return WINDOWS ? join(tmpdir(), 'tripline') : `/tmp/tripline-${process.geteuid!()}`
}

/** Creates the folder if needed. Returns whether users share it. @throws NotReservedError */
function check(path: string): boolean {
  const { shared, problem, hint } = prepareFolder(path, 'the folder of reservations')
  if (problem === undefined) return shared
  throw new NotReservedError('folder', hint ? `${problem}; name another folder by TRIPLINE_RESERVATIONS` : problem)
}

/** Identifies this machine since its last boot, as 8 hexadecimal digits. */
function machine(): string {
  try {
    const [first] = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').split('-')
    if (/^[0-9a-f]{8}$/.test(first!)) return first!
  } catch {
    // Not on Linux.
  }
  // Locks end with a boot anyway. The name keeps machines apart that share the folder over a network.
  let hash = 0x811c9dc5
  for (const character of hostname()) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}
