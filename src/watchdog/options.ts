/** The options of a watchdog, and their checks. */
import { invalidType, invalidValue } from '../base/errors.js'
import { readOptions } from '../base/options.js'
import { parsePeriod, type Duration } from '../base/units.js'
import { isGuard, type Guard } from '../monitor/guard.js'
import { parseLimits, type Limits, type ParsedLimits } from '../monitor/limits.js'

/** The options of {@link watchdog}. */
export interface WatchdogOptions {
  /** The event loop of this thread must not be blocked for longer than this. */
  eventLoop: Duration
  /**
   * Limits that must not be breached either. Those of a guard are watched apart from it, also after it was closed; a guard with
   * `dryRun` withholds nothing. @default none
   */
  resources?: Limits | Guard | undefined
  /**
   * A watchdog device of Linux to feed as well, such as `/dev/watchdog`. From its opening on, **the machine is reset** if it is
   * not fed. @default none: no device is ever opened
   */
  device?: string | undefined
  /** Accepts a device that cannot be stopped again, so that the end of this process resets the machine. @default false */
  acceptNoWayOut?: boolean | undefined
  /**
   * Leaves `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` in the environment, so that child processes inherit them.
   * @default false
   */
  keepEnvironment?: boolean | undefined
}

/** The options, checked; times in milliseconds. */
export interface WatchdogSettings {
  readonly eventLoop: number
  readonly resources: ParsedLimits | Guard | undefined
  readonly device: string | undefined
  readonly acceptNoWayOut: boolean
  readonly keepEnvironment: boolean
}

const KEYS = ['eventLoop', 'resources', 'device', 'acceptNoWayOut', 'keepEnvironment']

/** @throws TypeError, RangeError with Node's codes */
export function parseOptions(given: WatchdogOptions): WatchdogSettings {
  const {
    eventLoop,
    resources,
    device,
    acceptNoWayOut = false,
    keepEnvironment = false,
  } = readOptions(given, 'watchdog option', KEYS)
  if (device !== undefined && typeof device !== 'string') throw invalidType('device', 'a string', device)
  if (device !== undefined && !/^\/[^\0]*$/.test(device)) throw invalidValue('device', 'an absolute path', device)
  if (typeof acceptNoWayOut !== 'boolean') throw invalidType('acceptNoWayOut', 'true or false', acceptNoWayOut)
  if (typeof keepEnvironment !== 'boolean') throw invalidType('keepEnvironment', 'true or false', keepEnvironment)
  if (isGuard(resources) && resources.closed)
    throw invalidValue('resources', 'limits, or a guard that is open', resources)
  return {
    eventLoop: parsePeriod(eventLoop, 'eventLoop'),
    resources: resources === undefined || isGuard(resources) ? resources : parseLimits(resources),
    device,
    acceptNoWayOut,
    keepEnvironment,
  }
}
