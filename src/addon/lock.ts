/** A lock file that ends with its holder, however the holder ends. */
import { closeSync, constants, fchmodSync, fstatSync, openSync, renameSync, rmSync } from 'node:fs'
import { CAREFULLY } from '../base/careful.js'
import { loadAddon } from './native.js'

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = constants
// libuv's UV_FS_O_EXLOCK: opens with share mode 0, so that no other opening succeeds.
const EXCLUSIVE = 0x10000000
const WINDOWS = process.platform === 'win32'

/** Creates a file and locks it. Returns undefined if this file system, or this runtime, does not lock files. */
export function createLock(file: string, mode: number): number | undefined {
  if (WINDOWS) {
    const fd = openSync(file, O_CREAT | O_EXCL | O_RDWR | EXCLUSIVE, mode)
    if (isHeld(file) === true) return fd
    closeSync(fd)
    rmSync(file, { force: true })
    return undefined
  }
  // Under another name until it is locked, because an unlocked file is taken for that of a dead owner.
  const early = `${file}.new`
  // Until it is locked, no other user can lock it instead.
  const fd = openSync(early, O_CREAT | O_EXCL | O_RDWR | CAREFULLY, 0o600)
  // The second check finds runtimes whose descriptors are not the system's, and file systems that ignore locks.
  if (loadAddon().lockFile(fd, false) && isHeld(early) === true) {
    // Whatever the umask is: a lock that other users cannot open would be that of no living owner to them.
    fchmodSync(fd, mode)
    renameSync(early, file)
    return fd
  }
  closeSync(fd)
  rmSync(early, { force: true })
  return undefined
}

/**
 * Whether the owner of the lock is alive; undefined if there is no such file, or it may not be opened.
 *
 * @param uid the user that the file must belong to, unless undefined
 */
export function isHeld(file: string, uid?: number): boolean | undefined {
  let fd: number
  try {
    fd = openSync(file, O_RDONLY | CAREFULLY)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return WINDOWS && code !== 'ENOENT' ? true : undefined
  }
  try {
    if (WINDOWS) return false
    const status = fstatSync(fd)
    if (!status.isFile() || (uid !== undefined && status.uid !== uid)) return undefined
    return !loadAddon().lockFile(fd, true)
  } finally {
    closeSync(fd)
  }
}
