/** The words for what the kernel's out-of-memory killer has done, and how certain that is. */

/** `proved` needs evidence that names the command or its processes; everything else is `likely`. */
export type Certainty = 'proved' | 'likely'

/**
 * What shows it: `group`, the counter of a control group that held nothing but the command's processes; `log`, the kernel's
 * log, which names the command or its group; `shared-group`, the counter of a group that holds other processes too;
 * `machine`, the machine's counter, together with a command that died of `SIGKILL`.
 */
export type OomProof = 'group' | 'log' | 'shared-group' | 'machine'

/** Processes of a command were ended by the kernel's out-of-memory killer. */
export interface OomKill {
  /** Whether that is proved or only likely. */
  readonly certainty: Certainty
  /** What shows it. */
  readonly proof: OomProof
  /** How many kills were counted while the command ran; with the proof `shared-group` or `machine`, of any process there. */
  readonly kills: number
  /** Whether the command itself died of `SIGKILL`, or had the status 137; otherwise only a part of its tree was ended. */
  readonly whole: boolean
  /** The file that shows it: `'/sys/fs/cgroup/app/memory.events'`. */
  readonly origin: string
}

const PLACES: Readonly<Record<OomProof, string>> = {
  group: 'a group that held nothing else',
  log: 'which names it',
  'shared-group': 'a group that it shares with other processes',
  machine: 'the counter of the whole machine',
}

const CERTAINTIES: ReadonlySet<unknown> = new Set<Certainty>(['proved', 'likely'])

/** One sentence: `"The kernel's out-of-memory killer likely ended a part of it (1 kill in /sys/fs/cgroup/job)"`. */
export function oomText({ certainty, proof, kills, whole, origin }: OomKill): string {
  const what = whole ? 'it' : 'a part of it'
  const counted = `${kills === 1 ? '1 kill' : `${kills} kills`} in ${origin}, ${PLACES[proof]}`
  return `The kernel's out-of-memory killer ${certainty === 'likely' ? 'likely ' : ''}ended ${what} (${counted})`
}

/** Whether a value has every property of {@link OomKill}. */
export function isOomKill(value: object): value is OomKill {
  const { certainty, proof, kills, whole, origin } = value as Partial<OomKill>
  return (
    CERTAINTIES.has(certainty) &&
    typeof proof === 'string' &&
    proof in PLACES &&
    typeof kills === 'number' &&
    typeof whole === 'boolean' &&
    typeof origin === 'string'
  )
}
