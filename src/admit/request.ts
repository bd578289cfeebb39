/** What a reservation asks for: its options, and their checks. */
import { checkKeys, invalidType, invalidValue, outOfRange } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import { parseDuration, parseSize, type Duration } from '../base/units.js'

/** What to reserve: memory, CPUs, or both. */
export interface ReserveRequest {
  /** Memory in bytes, or as text such as `'2GB'`. @default none */
  memory?: number | string | undefined
  /** CPUs; 0.5 is half of one. They are booked, not measured. @default none */
  cpu?: number | undefined
}

/** The options of {@link reserve}, all optional. */
export interface ReserveOptions {
  /**
   * The queue to wait in: 1 to 64 letters, digits and `. _ - : @ +`. Within a lane, no reservation passes an older one that
   * waits. One of another lane may pass it for a minute. All lanes share the memory and the CPUs.
   *
   * @default 'default'
   */
  lane?: string | undefined
  /** The longest wait; 0 tries once. @default Infinity */
  wait?: Duration | undefined
  /** Aborts the wait. @default none */
  signal?: AbortSignal | undefined
  /** What `tripline doctor` shows for it, at most 100 characters. @default the name of the program */
  name?: string | undefined
}

/** The option `reserve` of a run: what to reserve before the command starts, and how to wait for it. */
export type RunReservation = ReserveRequest & Pick<ReserveOptions, 'lane' | 'wait'>

/** A request with all defaults filled in. */
export interface Wanted {
  /** In bytes. */
  readonly memory: number
  readonly cpu: number
  readonly lane: string
  readonly name: string
}

export interface ReserveSettings extends Wanted {
  /** In milliseconds; Infinity for no limit. */
  readonly wait: number
  readonly signal: AbortSignal | undefined
}

const LANE = /^[\p{L}\p{N}._:@+-]{1,64}$/u
const LONGEST_NAME = 100

/** @throws TypeError, RangeError with Node's codes, naming the option */
export function readReservation(request: ReserveRequest, options: ReserveOptions): ReserveSettings {
  if (typeof request !== 'object' || request === null || Array.isArray(request))
    throw invalidType('request argument', 'an object such as { memory, cpu }', request)
  checkKeys(request, 'resource', ['memory', 'cpu'])
  readOptions(options, 'option', ['lane', 'wait', 'signal', 'name'])
  const { memory, cpu } = request
  if (memory === undefined && cpu === undefined)
    throw invalidValue('request argument', 'memory, cpu or both', undefined)
  const { signal, wait = Infinity } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalidType('signal', 'an AbortSignal', signal)
  return {
    memory: memory === undefined ? 0 : readMemory(memory),
    cpu: cpu === undefined ? 0 : readCpu(cpu),
    lane: readLane(options.lane),
    name: readName(options.name),
    wait: parseDuration(wait, 'wait', true),
    signal,
  }
}

function readMemory(memory: unknown): number {
  const bytes = parseSize(memory, 'memory')
  if (bytes < 1) throw outOfRange('memory', 'at least 1 byte', memory)
  return bytes
}

function readCpu(cpu: unknown): number {
  if (typeof cpu !== 'number') throw invalidType('cpu', 'a number of CPUs', cpu)
  if (!(cpu > 0 && cpu < Infinity)) throw outOfRange('cpu', 'more than 0 and finite', cpu)
  return cpu
}

function readLane(lane: unknown = 'default'): string {
  if (typeof lane !== 'string') throw invalidType('lane', 'a string', lane)
  if (!isLane(lane)) throw invalidValue('lane', '1 to 64 letters, digits and the characters . _ - : @ +', lane)
  return lane
}

export function isLane(text: string): boolean {
  return LANE.test(text)
}

function readName(name: unknown): string {
  if (name !== undefined && typeof name !== 'string') throw invalidType('name', 'a string', name)
  return (name ?? (process.argv[1] ?? process.title).split(/[\\/]/).at(-1) ?? '').slice(0, LONGEST_NAME)
}
