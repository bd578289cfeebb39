/** A folder for files that other users must not replace: made with care, and checked before each use. */
import { lstatSync, mkdirSync, type Stats } from 'node:fs'

const WINDOWS = process.platform === 'win32'
const STICKY = 0o1000
const WRITABLE_BY_OTHERS = 0o022

/** A folder, or why it cannot be used. */
export interface PreparedFolder {
  /** Whether other users can create files in it, which is safe where it is sticky. */
  readonly shared: boolean
  readonly problem: string | undefined
  /** Whether another folder would help. */
  readonly hint: boolean
}

/** Creates the folder if needed, for this user only. @param what how a message calls it */
export function prepareFolder(path: string, what: string): PreparedFolder {
  let status: Stats
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') return { shared: false, problem: `${what} cannot be made: ${message}`, hint: false }
  }
  try {
    status = lstatSync(path)
  } catch (error) {
    return { shared: false, problem: `${what} is not there: ${(error as Error).message}`, hint: false }
  }
  const problem = problemOf(status)
  return { shared: isShared(status), problem: problem && `${path} ${problem}`, hint: true }
}

function isShared({ mode }: Stats): boolean {
  return !WINDOWS && (mode & WRITABLE_BY_OTHERS) !== 0
}

function problemOf(status: Stats): string | undefined {
  if (status.isSymbolicLink()) return 'is a symbolic link, which is not followed'
  if (!status.isDirectory()) return 'is not a folder'
  if (WINDOWS) return undefined
  const { uid, mode } = status
  const user = process.geteuid!()
  if (uid !== user && uid !== 0) return `belongs to the user ${uid}`
  if (!isShared(status)) return uid === user ? undefined : 'belongs to root and is not writable for others'
  return (mode & STICKY) === 0 ? 'is writable for other users and not sticky (chmod +t)' : undefined
}
