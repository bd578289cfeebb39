/** The option `--reserve`: its text, and the wait for it. */
import { impossible, reserve, type Reservation } from '../admit/reserve.js'
import { isLane, type ReserveOptions, type ReserveRequest } from '../admit/request.js'
import { WITHIN } from '../admit/owner.js'
import { parseSize } from '../base/units.js'
import { nameOf } from '../run/reservation.js'
import { UsageError, say } from './usage.js'

const HELP = 'a size, or sizes and CPUs such as 2GB,cpu=2'
// After this time, a line says why nothing happens.
const NOTICE_AFTER_MS = 5000

/** Parses `2GB`, `cpu=2` or `memory=2GB,cpu=2`. @throws UsageError, also for more than this machine has */
export function readReserve(text: string): ReserveRequest {
  const request: ReserveRequest = {}
  for (const part of text.split(',')) {
    const [, name = 'memory', value = ''] = /^(?:(\w+)=)?(.*)$/.exec(part) ?? []
    if (name !== 'memory' && name !== 'cpu') throw new UsageError(`--reserve takes ${HELP}; received '${part}'`)
    if (request[name] !== undefined) throw new UsageError(`--reserve has two values for ${name}: '${text}'`)
    if (name === 'cpu') request.cpu = readCpu(value)
    else request.memory = readMemory(value)
  }
  const problem = impossible({ memory: Number(request.memory ?? 0), cpu: request.cpu ?? 0 })
  if (problem === undefined) return request
  throw new UsageError(`--reserve: ${problem.what} must be ${problem.allowed}; received '${text}'`)
}

function readMemory(text: string): number {
  let bytes: number
  try {
    bytes = parseSize(text, '--reserve')
  } catch {
    const hint = /^\d+$/.test(text) ? ', with a unit' : ''
    throw new UsageError(`--reserve takes ${HELP}${hint} (MB is 10^6 bytes, MiB is 2^20); received '${text}'`)
  }
  if (bytes < 1) throw new UsageError(`--reserve must be more than 0; received '${text}'`)
  return bytes
}

function readCpu(text: string): number {
  if (!/^(?:\d+\.?\d*|\.\d+)$/.test(text) || Number(text) === 0)
    throw new UsageError(`--reserve: cpu must be a number of CPUs above 0; received '${text}'`)
  return Number(text)
}

/** Checks the name of a lane. @throws UsageError */
export function readLane(text: string): string {
  if (isLane(text)) return text
  throw new UsageError(`--lane must be 1 to 64 letters, digits and the characters . _ - : @ +; received '${text}'`)
}

/** Waits for the reservation of a command. A signal ends this process, which withdraws it. @throws NotReservedError */
export async function waitToReserve(
  command: string,
  request: ReserveRequest,
  options: Pick<ReserveOptions, 'lane' | 'wait'>,
  quiet: boolean,
): Promise<Reservation> {
  const name = nameOf(command)
  const timer = setTimeout(() => {
    if (!quiet) say(`${name} waits for its reservation; tripline doctor shows what is held`)
  }, NOTICE_AFTER_MS)
  try {
    const reservation = await reserve(request, { ...options, name })
    // The command, and what it starts, may reserve parts of this again.
    process.env[WITHIN] = reservation.key
    return reservation
  } finally {
    clearTimeout(timer)
  }
}
