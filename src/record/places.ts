/**
 * Where recordings are kept by default, and how their files are named. They are in memory (tmpfs) where the system has such a
 * place, so that an SD card is not worn.
 */
import { lstatSync, opendirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, isAbsolute, join, resolve } from 'node:path'
import { NotRecordedError } from '../base/errors.js'
import { prepareFolder } from '../base/private-folder.js'
import { isBeingWritten, removeLeftovers } from './file.js'
import { crc32 } from './format.js'

const WINDOWS = process.platform === 'win32'
const ENDING = '.recording'
const NAME = /^(.+-[0-9a-f]{8})-(\d{13})-(\d{1,10})-(\d{1,10})\.recording$/
/** Looked at in a folder. */
const MAX_ENTRIES = 4096
/** Recordings of processes that have ended: per program, and in all. */
const KEPT_PER_PROGRAM = 4
const KEPT_IN_ALL = 32

/** A recording in a folder of recordings. */
export interface KeptRecording {
  readonly file: string
  /** The same for all runs of a program. */
  readonly program: string
  /** When it began, in milliseconds since 1970. */
  readonly wall: number
  readonly pid: number
  /** 0 is the main thread. */
  readonly thread: number
}

/** The folders in which recordings may be, best first: `TRIPLINE_RECORDINGS`, or those of this user. */
export function recordingFolders(): readonly string[] {
  const named = process.env['TRIPLINE_RECORDINGS'] ?? ''
  if (named !== '') return [resolve(named)]
  if (WINDOWS) return [join(tmpdir(), 'tripline-recordings')]
  const user = process.geteuid!()
  const runtime = process.env['XDG_RUNTIME_DIR'] ?? ''
  const folders = process.platform === 'linux' ? [`/dev/shm/tripline-${user}`] : []
  // The folder of another user is in this variable after `su`.
  if (isAbsolute(runtime) && isOwn(runtime, user)) folders.unshift(join(runtime, 'tripline'))
  return [...folders, `/tmp/tripline-recordings-${user}`]
}

function isOwn(path: string, user: number): boolean {
  try {
    return lstatSync(path).uid === user
  } catch {
    return false
  }
}

/** The first of these folders that can be used, made if needed. @throws NotRecordedError */
export function usableFolder(): string {
  const problems: string[] = []
  for (const folder of recordingFolders()) {
    const { shared, problem } = prepareFolder(folder, `the folder of recordings ${folder}`)
    if (problem === undefined && !shared) return folder
    problems.push(problem ?? `${folder} is writable for other users`)
  }
  throw new NotRecordedError('folder', `${problems.join('; ')}; name another folder by TRIPLINE_RECORDINGS, or a file`)
}

/** What the names of a program's recordings begin with. */
export function programKey(program: string): string {
  const name = basename(program)
    .replaceAll(/[^\w.]+/g, '_')
    .slice(0, 40)
  return `${name}-${crc32(new TextEncoder().encode(program)).toString(16).padStart(8, '0')}`
}

export function nameOfRecording(program: string, wall: number, pid: number, thread: number): string {
  return `${programKey(program)}-${String(Math.floor(wall)).padStart(13, '0')}-${pid}-${thread}${ENDING}`
}

/** The recordings in a folder, newest first; none if it cannot be read. */
export function listRecordings(folder: string): readonly KeptRecording[] {
  const found: KeptRecording[] = []
  try {
    const directory = opendirSync(folder)
    try {
      for (let seen = 0; seen < MAX_ENTRIES; seen++) {
        const entry = directory.readSync()
        if (entry === null) break
        const [, program, wall, pid, thread] = NAME.exec(entry.name) ?? []
        if (program === undefined) continue
        const file = join(folder, entry.name)
        found.push({ file, program, wall: Number(wall), pid: Number(pid), thread: Number(thread) })
      }
    } finally {
      directory.closeSync()
    }
  } catch {
    // There is no such folder.
  }
  return found.toSorted((a, b) => b.wall - a.wall)
}

/** The recordings of main threads in all folders that no other user can have made, newest first. */
function allRecordings(): readonly KeptRecording[] {
  const isNamed = (process.env['TRIPLINE_RECORDINGS'] ?? '') !== ''
  const folders = recordingFolders().filter((folder) => WINDOWS || isNamed || isOwn(folder, process.geteuid!()))
  const all = folders.flatMap(listRecordings).filter(({ thread }) => thread === 0)
  return all.toSorted((a, b) => b.wall - a.wall)
}

/** The recording of a program's last run that has ended, in any of the folders; that of the main thread. */
export function findLastRecording(program: string): string | undefined {
  const key = programKey(program)
  return allRecordings().find((each) => each.program === key && !isBeingWritten(each.file))?.file
}

/** The newest recording of any program that has ended, or else the newest. */
export function findNewestRecording(): string | undefined {
  const all = allRecordings()
  return (all.find(({ file }) => !isBeingWritten(file)) ?? all[0])?.file
}

/** Removes old recordings. The last run of each of the last programs stays. */
export function removeOld(folder: string): void {
  removeLeftovers(folder)
  const perProgram = new Map<string, number>()
  let kept = 0
  for (const { file, program, thread } of listRecordings(folder)) {
    // A program's workers count on their own, so that many of them do not push out its main thread.
    const key = thread === 0 ? program : `${program} workers`
    const count = (perProgram.get(key) ?? 0) + 1
    perProgram.set(key, count)
    if ((count <= KEPT_PER_PROGRAM && ++kept <= KEPT_IN_ALL) || isBeingWritten(file)) continue
    try {
      rmSync(file, { force: true })
    } catch {
      // The next recorder tries again.
    }
  }
}
