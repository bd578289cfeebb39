/** What a guard writes when it is breached, where to, and how much of it: the options and their checks. */
import { invalidType, invalidValue, outOfRange, unknownName } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import { checkWhole, parsePeriod, parseSize, type Duration } from '../base/units.js'
import { checkFolder } from './folder.js'

/**
 * What is written when a guard is breached.
 *
 * - `stack`: the stack of the code that blocked the event loop, which the breach has with `stack: true` (`.txt`)
 * - `profile`: what the process does in the time after the breach (`.cpuprofile`)
 * - `snapshot`: V8's heap (`.heapsnapshot`), only while `memory.available` is more than twice the heap
 * - `report`: Node's diagnostic report (`.json`), which has the environment variables
 */
export type EvidenceKind = 'stack' | 'profile' | 'snapshot' | 'report'

/** The folder for evidence, and its bounds. */
export interface EvidenceFolder {
  /** An existing folder that is not a symbolic link. */
  path: string
  /** At most this many files of tripline stay in it, of all processes; the oldest are removed. From 1. @default 20 */
  maxFiles?: number | undefined
  /** At most this many bytes of them. A file that would be larger alone is abandoned. @default '1GB' */
  maxSize?: number | string | undefined
  /** How long a profile is recorded. From 1 ms to 10 min. @default '5s' */
  profileFor?: Duration | undefined
}

/** What evidence was asked for, checked. */
export interface EvidenceSettings {
  readonly kinds: readonly EvidenceKind[]
  readonly path: string
  readonly maxFiles: number
  /** In bytes. */
  readonly maxSize: number
  /** In milliseconds. */
  readonly profileFor: number
}

const KINDS: readonly EvidenceKind[] = ['stack', 'profile', 'snapshot', 'report']
const FOLDER_KEYS = ['path', 'maxFiles', 'maxSize', 'profileFor']
const LONGEST_PROFILE = 600_000

/** @throws TypeError, RangeError with Node's codes */
export function parseEvidence(kinds: unknown, folder: unknown): EvidenceSettings | undefined {
  if (kinds === undefined) {
    if (folder !== undefined) throw invalidValue('evidenceFolder', "left out where 'evidence' is not given", folder)
    return undefined
  }
  if (!Array.isArray(kinds)) throw invalidType('evidence', "an array such as ['stack', 'report']", kinds)
  for (const each of kinds as readonly unknown[]) {
    if (typeof each !== 'string') throw invalidType('evidence', "an array such as ['stack', 'report']", each)
    if (!KINDS.includes(each as EvidenceKind)) throw unknownName('evidence', each, KINDS)
  }
  if (kinds.length === 0) throw invalidValue('evidence', `one or more of ${KINDS.join(', ')}`, kinds)
  const given = typeof folder === 'string' ? { path: folder } : folder
  if (given === undefined) throw invalidType('evidenceFolder', "a folder, because 'evidence' is given", folder)
  const options = readOptions(given as EvidenceFolder, 'option of evidenceFolder', FOLDER_KEYS)
  const { maxFiles = 20, maxSize = '1GB', profileFor = '5s' } = options
  checkWhole(maxFiles, 'evidenceFolder.maxFiles', 1)
  const time = parsePeriod(profileFor, 'evidenceFolder.profileFor')
  if (time < 1 || time > LONGEST_PROFILE)
    throw outOfRange('evidenceFolder.profileFor', 'from 1 ms to 10 min', profileFor)
  const size = parseSize(maxSize, 'evidenceFolder.maxSize')
  if (size === 0) throw outOfRange('evidenceFolder.maxSize', 'more than 0 bytes', maxSize)
  return {
    // In the order in which they are taken: the snapshot, which stops the program, after the profile.
    kinds: KINDS.filter((each) => kinds.includes(each)),
    path: checkFolder(options.path, 'evidenceFolder.path'),
    maxFiles,
    maxSize: size,
    profileFor: time,
  }
}
