/** Puts a recording in its place: whole, locked, and without replacing anything but an older recording of this user. */
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  opendirSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  type BigIntStats,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { CAREFULLY } from '../base/careful.js'
import { loadAddon } from '../addon/native.js'
import { NotRecordedError } from '../base/errors.js'
import { MAGIC } from './format.js'

const WINDOWS = process.platform === 'win32'
/** File systems in memory, by the numbers of statfs: tmpfs, ramfs. */
const IN_MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6])
const KINDS: Readonly<Record<string, NotRecordedError['kind']>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EFBIG: 'full',
  EROFS: 'read-only',
  EACCES: 'read-only',
  EPERM: 'read-only',
}

/** The recording that was in a file before is kept as this. */
export function previousOf(file: string): string {
  return `${file}.previous`
}

/** Whether a living process or thread is recording to the file. Another use of a lock on it counts too. */
export function isBeingWritten(file: string): boolean {
  let fd: number
  try {
    fd = openSync(file, (WINDOWS ? constants.O_RDWR : constants.O_RDONLY) | CAREFULLY)
  } catch (error) {
    // On Windows, the recorder denies others to write.
    return WINDOWS && (error as NodeJS.ErrnoException).code !== 'ENOENT'
  }
  try {
    return !WINDOWS && fstatSync(fd).isFile() && !loadAddon().lockFile(fd, true)
  } finally {
    closeSync(fd)
  }
}

/** Whether writing to files in the folder of `file` may have to wait for a disk. */
export function isSlow(file: string): boolean {
  if (process.platform !== 'linux') return true
  try {
    return !IN_MEMORY.has(statfsSync(dirname(file)).type)
  } catch {
    return true
  }
}

/**
 * Creates the recording by calling `create` with a temporary name, and gives it its own name. An older recording there becomes
 * the previous one.
 *
 * @param create returns why it failed, if it did; the file may be left then
 * @throws NotRecordedError; everything is as it was then
 */
export function placeRecording(file: string, create: (early: string) => string | undefined): void {
  removeLeftovers(dirname(file), `${basename(file)}.`)
  checkReplaceable(file)
  const early = `${file}.${process.pid}-${threadId}.new`
  // Left by a process with the same id that was killed at this moment.
  attempt(file, () => rmSync(early, { force: true }))
  try {
    const problem = create(early)
    if (problem !== undefined) throw new NotRecordedError(kindOf(problem), problem)
    attempt(file, () => moveIn(early, file))
  } catch (error) {
    removeQuietly(early)
    throw error
  }
}

const EARLY = /\.\d+-\d+\.new$/
const MAX_ENTRIES = 4096
/** An early file is locked and named within moments. */
const LEFT_MS = 60_000

/** Removes what recorders have left that were killed before their file had its own name, or while it had both. */
export function removeLeftovers(folder: string, prefix: string = ''): void {
  try {
    const directory = opendirSync(folder)
    try {
      for (let seen = 0; seen < MAX_ENTRIES; seen++) {
        const entry = directory.readSync()
        if (entry === null) break
        if (!entry.isFile() || !entry.name.startsWith(prefix) || !EARLY.test(entry.name)) continue
        const file = join(folder, entry.name)
        if (isLeftover(file)) removeQuietly(file)
      }
    } finally {
      directory.closeSync()
    }
  } catch {
    // What cannot be listed or read stays.
  }
}

function isLeftover(early: string): boolean {
  const status = statusOf(early)
  if (status === undefined || strangeness(early, status) !== undefined) return false
  const named = statusOf(early.replace(EARLY, ''))
  if (named?.ino === status.ino && named.dev === status.dev) return true
  return Date.now() - Number(status.mtimeMs) > LEFT_MS && !isBeingWritten(early)
}

/** On Windows, a file that is open cannot always be removed; the next recorder does that. */
function removeQuietly(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // The error that led here is the one to report.
  }
}

function kindOf(problem: string): NotRecordedError['kind'] {
  const [, code] = /: (E[A-Z]+)/.exec(problem) ?? []
  return (code === undefined ? undefined : KINDS[code]) ?? 'system'
}

function attempt(file: string, action: () => void): void {
  try {
    action()
  } catch (error) {
    if (error instanceof NotRecordedError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw new NotRecordedError(KINDS[code ?? ''] ?? 'system', `${file}: ${message}`, { cause: error })
  }
}

/** @throws NotRecordedError if there is something that must not be replaced */
function checkReplaceable(file: string): void {
  const status = statusOf(file)
  if (status === undefined) return
  const problem = problemOf(file, status)
  if (problem !== undefined) throw new NotRecordedError('file', `${file} ${problem}`)
  if (isBeingWritten(file)) throw shared(file)
  const previous = previousOf(file)
  const before = status.size === 0n ? undefined : statusOf(previous)
  // It would be lost: only an older recording is.
  const obstacle = before === undefined ? undefined : problemOf(previous, before)
  if (obstacle !== undefined) throw new NotRecordedError('file', `${previous} ${obstacle}`)
}

function shared(file: string): NotRecordedError {
  return new NotRecordedError('shared', `another process or thread is recording to ${file}`)
}

function statusOf(file: string): BigIntStats | undefined {
  try {
    return lstatSync(file, { bigint: true })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new NotRecordedError(KINDS[code ?? ''] ?? 'system', message, { cause: error })
  }
}

function problemOf(file: string, status: BigIntStats): string | undefined {
  const isLinked = status.isFile() && status.nlink > 1n && !isBeingWritten(file)
  return strangeness(file, status) ?? (isLinked ? 'has a second name (a hard link)' : undefined)
}

/** Why a file is no recording of this user. */
function strangeness(file: string, status: BigIntStats): string | undefined {
  if (status.isSymbolicLink()) return 'is a symbolic link, which is not followed'
  if (!status.isFile()) return 'is not a file'
  if (!WINDOWS && status.uid !== BigInt(process.geteuid!())) return `belongs to the user ${status.uid}`
  return status.size === 0n || isRecording(file) ? undefined : 'is not a recording, and is not replaced'
}

/** Whether a file begins as recordings of any version do. */
function isRecording(file: string): boolean {
  let fd: number
  try {
    fd = openSync(file, constants.O_RDONLY | CAREFULLY)
  } catch (error) {
    throw new NotRecordedError('file', (error as Error).message, { cause: error })
  }
  try {
    const bytes = new Uint8Array(MAGIC.length)
    return readSync(fd, bytes, 0, bytes.length, 0) === bytes.length && MAGIC.every((each, at) => bytes[at] === each)
  } finally {
    closeSync(fd)
  }
}

function moveIn(early: string, file: string): void {
  const status = statusOf(file)
  if (status === undefined) return nameOnce(early, file)
  // Of two processes that start at once, the one with this lock moves the old file away; the other one finds its lock held,
  // or another file there.
  const fd = openSync(file, constants.O_RDONLY | CAREFULLY)
  try {
    const found = fstatSync(fd, { bigint: true })
    if ((!WINDOWS && !loadAddon().lockFile(fd, false)) || statusOf(file)?.ino !== found.ino) throw shared(file)
    const previous = previousOf(file)
    if (found.size === 0n) rmSync(file)
    else renameSync(file, previous)
    try {
      nameOnce(early, file)
    } catch (error) {
      if (found.size > 0n && statusOf(file) === undefined) renameSync(previous, file)
      throw error
    }
  } finally {
    closeSync(fd)
  }
}

/** Renames a file unless the new name is taken. */
function nameOnce(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw shared(to)
    // The file system has no hard links, such as FAT.
    if (statusOf(to) !== undefined) throw shared(to)
    renameSync(from, to)
    return
  }
  rmSync(from)
}
