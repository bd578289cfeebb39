/** Watchdog devices of Linux. Opening one starts it, so everything that can be known before is checked before. */
import { closeSync, constants, openSync, readFileSync, readdirSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { WatchdogError } from '../base/errors.js'
import { connect } from '../addon/sampler.js'

/** An open device. */
export interface Device {
  readonly fd: number
  /** The time in milliseconds after which it resets the machine. */
  readonly timeout: number
}

/** What of the system a test replaces, since no test may open a real device. @internal */
export const machine: { sysfs: string; timeoutOf: (fd: number) => number } = {
  sysfs: '/sys/class/watchdog',
  timeoutOf: (fd) => connect().watchdogTimeout(fd),
}

// `/dev/watchdog`, which is the first device.
const FIRST = '10:130'

/**
 * Checks that `path` names a watchdog device that can be stopped again, without opening it.
 *
 * @param acceptNoWayOut whether one that cannot be stopped is accepted
 * @throws WatchdogError `ERR_TRIPLINE_WATCHDOG`, of the kind `device` or `nowayout`
 */
export function checkDevice(path: string, acceptNoWayOut: boolean): void {
  const folder = join(machine.sysfs, findDevice(path))
  if (acceptNoWayOut) return
  const noWayOut = read(join(folder, 'nowayout'))
  if (noWayOut === '0') return
  const why = noWayOut === undefined ? `${folder}/nowayout cannot be read` : 'nowayout is set for it'
  throw new WatchdogError(
    'nowayout',
    `${path} could not be stopped again (${why}), so the machine would be reset when this process ends; ` +
      'the option acceptNoWayOut accepts that',
  )
}

/** The name of the device in sysfs. */
function findDevice(path: string): string {
  const number = numberOf(path)
  for (const name of list(machine.sysfs)) {
    if (read(join(machine.sysfs, name, 'dev')) === number) return name
  }
  if (number === FIRST) return 'watchdog0'
  throw new WatchdogError('device', `${path} is not a watchdog device`)
}

/** The number of a character device as in sysfs: `'10:130'`. */
function numberOf(path: string): string {
  try {
    const { rdev, mode } = statSync(path, { bigint: true })
    if ((Number(mode) & constants.S_IFMT) !== constants.S_IFCHR) return ''
    const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)
    const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn & 0xffffffffn)
    return `${major}:${minor}`
  } catch (error) {
    throw new WatchdogError('device', (error as Error).message)
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1').trim()
  } catch {
    return undefined
  }
}

/**
 * Opens a device, which starts it. It has to be fed from now on.
 *
 * @throws WatchdogError `ERR_TRIPLINE_WATCHDOG`, of the kind `device`; the device is stopped then
 */
export function openDevice(path: string): Device {
  let fd: number
  try {
    // Without waiting: the path may have become a FIFO since it was checked.
    fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new WatchdogError('device', code === 'EBUSY' ? `${path} is in use by another process` : message)
  }
  const seconds = machine.timeoutOf(fd)
  if (seconds > 0) return { fd, timeout: seconds * 1000 }
  stopDevice(fd)
  throw new WatchdogError('device', `${path} answers no WDIOC_GETTIMEOUT: it is not a watchdog`)
}

/** Stops a device that is not fed yet. */
export function stopDevice(fd: number): void {
  try {
    // The magic close.
    writeSync(fd, 'V')
  } finally {
    closeSync(fd)
  }
}
