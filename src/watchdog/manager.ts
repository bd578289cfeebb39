/** What a service manager (systemd) has said to this process in its environment, and what is wrong with it. */
import { WatchdogError } from '../base/errors.js'
import { formatDuration } from '../base/units.js'

/** The service manager as the environment describes it. */
export interface Manager {
  /** The path of its socket, as in `NOTIFY_SOCKET`; empty without one. */
  readonly socket: string
  /** The time in milliseconds within which it has to be fed; undefined if it does not ask for that. */
  readonly period: number | undefined
  /** Why it is not fed; empty if it is. */
  readonly why: string
}

type Environment = Readonly<Record<string, string | undefined>>

/** The shortest time within which the sampling thread can feed on a busy machine, in milliseconds. */
export const SHORTEST_PERIOD = 100

const NAMES = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'] as const
// Of sun_path in the address of a Unix socket, whose last byte ends a path.
const LONGEST_PATH = 107

let remembered: Environment | undefined

/**
 * Reads the environment as `sd_watchdog_enabled(3)` and `sd_notify(3)` do. Once {@link takeEnvironment} has removed the
 * variables, it reads what they were.
 *
 * @throws WatchdogError `ERR_TRIPLINE_WATCHDOG`, of the kind `environment` or `period`
 */
export function readManager(given: Environment = process.env, pid: number = process.pid): Manager {
  const environment = NAMES.some((name) => given[name] !== undefined) ? given : (remembered ?? given)
  const { NOTIFY_SOCKET: socket = '', WATCHDOG_USEC: time, WATCHDOG_PID: owner } = environment
  if (socket === '') return { socket, period: undefined, why: 'NOTIFY_SOCKET is not set: not a service of systemd' }
  checkSocket(socket)
  if (time === undefined) return { socket, period: undefined, why: 'WATCHDOG_USEC is not set: WatchdogSec= is missing' }
  if (!/^[1-9]\d{0,18}$/.test(time)) throw wrong('WATCHDOG_USEC', 'a number of microseconds', time)
  if (owner !== undefined && !/^[1-9]\d{0,9}$/.test(owner)) throw wrong('WATCHDOG_PID', 'a process id', owner)
  if (owner !== undefined && Number(owner) !== pid) {
    return { socket, period: undefined, why: `WATCHDOG_PID is ${owner}, and this process is ${pid}` }
  }
  const period = Number(time) / 1000
  checkPeriod(period, 'WATCHDOG_USEC')
  return { socket, period, why: '' }
}

/** The address of a socket as the addon takes it: an abstract name begins with NUL, a path ends with it. */
export function addressOf(socket: string): string {
  if (socket === '') return ''
  return socket.startsWith('@') ? `\0${socket.slice(1)}` : `${socket}\0`
}

/** @throws WatchdogError `ERR_TRIPLINE_WATCHDOG`, of the kind `period` */
export function checkPeriod(period: number, name: string): void {
  if (period >= SHORTEST_PERIOD) return
  const shortest = formatDuration(SHORTEST_PERIOD)
  throw new WatchdogError(
    'period',
    `${name} is ${formatDuration(period)}, and the shortest that can be kept is ${shortest}`,
  )
}

function checkSocket(socket: string): void {
  if (!/^[/@]./s.test(socket)) throw wrong('NOTIFY_SOCKET', "a path that begins with '/' or '@'", socket)
  if (Buffer.byteLength(socket) > LONGEST_PATH) throw wrong('NOTIFY_SOCKET', `at most ${LONGEST_PATH} bytes`, socket)
}

function wrong(name: string, allowed: string, given: string): WatchdogError {
  const shown = given.length > 60 ? `${given.slice(0, 60)}...` : given
  return new WatchdogError('environment', `${name} must be ${allowed}; it is '${shown}'`)
}

/**
 * Removes the variables, so that no child process takes the watchdog for its own: it could not feed it, and what it sent could
 * be taken for a notice of this process.
 *
 * @param names which of them
 */
export function takeEnvironment(names: readonly string[] = NAMES): void {
  if (NAMES.some((name) => process.env[name] !== undefined)) {
    remembered = Object.fromEntries(NAMES.map((name) => [name, process.env[name]]))
  }
  for (const name of names) delete process.env[name]
}
