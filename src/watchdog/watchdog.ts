/** The watchdog: systemd, or a device, is fed by the sampling thread as long as this program does its work. */
import { outsideContexts } from '../base/async-context.js'
import { markInstances } from '../base/copies.js'
import { WatchdogError, invalidState, invalidType } from '../base/errors.js'
import { printable } from '../base/printable.js'
import type { Breach } from '../base/reason.js'
import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { WATCHDOG_TAKEN, type Addon } from '../addon/native.js'
import { connect } from '../addon/sampler.js'
import { Guard, isGuard, kTwin } from '../monitor/guard.js'
import { describeBreach } from '../monitor/breach.js'
import { parseLimits } from '../monitor/limits.js'
import { checkDevice, openDevice, stopDevice, type Device } from './device.js'
import { addressOf, checkPeriod, readManager, takeEnvironment, type Manager } from './manager.js'
import { parseOptions, type WatchdogOptions, type WatchdogSettings } from './options.js'

/**
 * - `feeding`: all is well
 * - `withheld`: it is not fed, because the event loop is blocked or a resource is breached
 * - `off`: nothing asks to be fed; {@link Watchdog.why} says why
 * - `closed`: it was closed
 */
export type WatchdogState = 'feeding' | 'withheld' | 'off' | 'closed'

/** What a watchdog has done. */
export interface WatchdogStats {
  /** How often it was fed. */
  readonly fed: number
  /** How often feeding failed, because the socket is gone or full. It is tried again soon. */
  readonly failed: number
  /** The latest failure, for a person; empty for none. */
  readonly failure: string
}

/** Stops feeding for a reason of the library's own, or goes on. @internal */
export const kHold: unique symbol = Symbol('tripline.hold')

// A notice that finds the socket full is tried again for a second.
const RETRIES = 100
const RETRY_MS = 10
// The stack is taken after this part of the time that the loop may be blocked.
const SCOUT_PART = 0.8
// The longest text of STATUS=, in characters. systemd shows one line.
const LONGEST_STATUS = 1000

/**
 * Feeds the watchdog of systemd, or a device, from the sampling thread, only while the event loop answers and no resource is
 * breached; made by {@link watchdog}. There is one per process. It does not keep the process alive.
 */
export class Watchdog implements Disposable {
  static {
    markInstances(this)
  }

  /** The time in milliseconds within which it has to be fed; it is fed twice as often. Undefined if nothing asks for that. */
  readonly period: number | undefined
  /** Why systemd is not fed; empty if it is. */
  readonly why: string
  /** Undefined if there is neither a service manager nor a device. */
  readonly #addon: Addon | undefined
  readonly #manager: Manager
  readonly #guards: readonly Guard[] = []
  readonly #scout: Guard | undefined
  readonly #disarm: (() => void) | undefined
  #status = ''
  #held = false
  #closed = false

  /** Use {@link watchdog}. @internal */
  constructor(settings: WatchdogSettings) {
    const manager = readManager()
    this.#manager = manager
    this.why = manager.why
    if (settings.device !== undefined) checkDevice(settings.device, settings.acceptNoWayOut)
    if (manager.socket !== '' || settings.device !== undefined) {
      const addon = connect()
      const refused = addon.openWatchdog(addressOf(manager.socket))
      if (refused === WATCHDOG_TAKEN) throw new WatchdogError('open', 'this process has one already')
      if (refused !== 0)
        throw new WatchdogError('unsupported', `this system has no service manager (${nameOf(refused)})`)
      this.#addon = addon
      try {
        if (manager.period !== undefined || settings.device !== undefined) {
          this.#guards = makeGuards(settings)
          this.#scout = makeScout(settings)
        }
        this.period = start(addon, manager.period, settings.device)
      } catch (error) {
        this.#release()
        throw error
      }
    }
    for (const each of this.#guards) this.#follow(each)
    if (settings.device !== undefined) {
      this.#disarm = () => this.close()
      outsideContexts(() => process.once('exit', this.#disarm!))
    }
    if (!settings.keepEnvironment) takeEnvironment()
  }

  /** Its state, up to date even inside code that never yields. */
  get state(): WatchdogState {
    if (this.#closed) return 'closed'
    if (this.period === undefined) return 'off'
    return this.#read()[0] === 0 ? 'withheld' : 'feeding'
  }

  /** The evidence of each limit for which it is not fed now; the event loop's delay is `eventLoop.delay`. */
  get breaches(): readonly Breach[] {
    return this.#guards.flatMap((each) => each.breaches)
  }

  /** What it has done so far. */
  get stats(): WatchdogStats {
    const [, fed, failed, error] = this.#read()
    return { fed: fed!, failed: failed!, failure: error === 0 ? '' : nameOf(error!) }
  }

  #read(): Int32Array {
    const numbers = new Int32Array(4)
    if (!this.#closed) this.#addon?.readWatchdog(numbers)
    return numbers
  }

  /**
   * Reports to systemd that the service has started, or has finished reloading (`READY=1`; `Type=notify`).
   *
   * @param status a line for `systemctl status`; what it was before stays if it is left out
   * @returns whether there is a service manager; without one, nothing happens
   * @throws WatchdogError `ERR_TRIPLINE_WATCHDOG`, of the kind `send`, if it cannot be reached; Error `ERR_INVALID_STATE` once
   *   closed; TypeError `ERR_INVALID_ARG_TYPE`
   */
  ready(status?: string): boolean {
    return this.#notify(['READY=1'], status)
  }

  /** Reports to systemd that the service is about to end (`STOPPING=1`), the same way as {@link ready}. */
  stopping(status?: string): boolean {
    return this.#notify(['STOPPING=1'], status)
  }

  /**
   * Reports to systemd that the service has begun to reload its configuration (`RELOADING=1`, `MONOTONIC_USEC`;
   * `Type=notify-reload`), the same way as {@link ready}, which has to be called when that is done.
   */
  reloading(status?: string): boolean {
    const now = Math.floor((this.#addon?.now() ?? 0) * 1000)
    return this.#notify(['RELOADING=1', `MONOTONIC_USEC=${now}`], status)
  }

  /** Sets the line that `systemctl status` shows (`STATUS=`), the same way as {@link ready}. */
  status(text: string): boolean {
    return this.#notify([], text)
  }

  /**
   * Stops feeding, and stops the device (magic close). systemd goes on to expect to be fed: call {@link stopping} before, or end
   * the process within the period.
   */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#release()
    if (this.#disarm !== undefined) process.removeListener('exit', this.#disarm)
  }

  /** The same as {@link close}. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal */
  [kHold](why: string | undefined): void {
    if (this.#closed || this.period === undefined) return
    this.#held = why !== undefined
    this.#say(why === undefined ? this.#status : `Watchdog not fed: ${why}`)
  }

  #release(): void {
    this.#addon?.closeWatchdog()
    for (const each of this.#guards) each.close()
    this.#scout?.close()
  }

  /** Words what the sampling thread could only name, and takes it back once it is over. */
  #follow(guard: Guard): void {
    outsideContexts(() => {
      guard.on('breach', (breach) => {
        if (guard.isBreached) this.#say(`Watchdog not fed: ${describeBreach(breach)}`)
      })
      guard.on('clear', () => {
        if (this.state === 'feeding') this.#say(this.#status)
      })
    })
  }

  /** Sends a status on the library's own behalf. A failure will show in the next feeding. */
  #say(status: string): void {
    this.#addon!.notifyManager(statusLine(status), this.#held)
  }

  #notify(lines: readonly string[], status: string | undefined): boolean {
    if (status !== undefined && typeof status !== 'string') throw invalidType('status', 'a string', status)
    if (this.#closed) throw invalidState('The watchdog was closed')
    if (this.#manager.socket === '') return false
    if (status !== undefined) this.#status = status
    this.#send([...lines, ...(status === undefined ? [] : [statusLine(status)])].join('\n'))
    return true
  }

  #send(text: string): void {
    let error = this.#addon!.notifyManager(text, this.#held)
    for (let tries = 0; error === constants.errno.EAGAIN && tries < RETRIES; tries++) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
      error = this.#addon!.notifyManager(text, this.#held)
    }
    if (error !== 0) throw new WatchdogError('send', `${this.#manager.socket}: ${nameOf(error)}`)
  }
}

/** One line, because the next would be another assignment. */
function statusLine(status: string): string {
  return `STATUS=${printable(status.slice(0, LONGEST_STATUS))}`
}

function nameOf(error: number): string {
  return getSystemErrorName(-error)
}

/** The guards that withhold the feeding while they are breached. */
function makeGuards({ eventLoop, resources }: WatchdogSettings): Guard[] {
  const loop = parseLimits({
    'eventLoop.delay': { above: eventLoop, for: 0, clear: eventLoop, clearFor: 0, stack: true },
  })
  const guards: Guard[] = []
  try {
    // Seen at most a tenth late.
    guards.push(new Guard(loop, { within: eventLoop / 10, name: 'watchdog' }, true))
    if (isGuard(resources)) {
      if (!resources.dryRun) guards.push(resources[kTwin](true))
    } else if (resources !== undefined) {
      guards.push(new Guard(resources, { name: 'watchdog resources' }, true))
    }
  } catch (error) {
    for (const each of guards) each.close()
    throw error
  }
  return guards
}

/**
 * Has the stack of a blocked loop taken before the limit is crossed. The status is sent in that very moment, perhaps as the last
 * thing, and on a busy machine the blocking code may get no time in which to show its stack.
 */
function makeScout({ eventLoop }: WatchdogSettings): Guard {
  const above = eventLoop * SCOUT_PART
  // It is never breached, which listeners would see.
  const early = parseLimits({ 'eventLoop.delay': { above, for: '24d', stack: true } })
  return new Guard(early, { within: eventLoop / 10, name: 'watchdog scout' })
}

/** Begins to feed what is there, at half of the shorter period; returns that period. */
function start(addon: Addon, ofManager: number | undefined, path: string | undefined): number | undefined {
  const device: Device | undefined = path === undefined ? undefined : openDevice(path)
  const period = Math.min(ofManager ?? Infinity, device?.timeout ?? Infinity)
  if (period === Infinity) return undefined
  try {
    checkPeriod(period, 'the timeout of the device')
    const started = addon.startWatchdog(period / 2, ofManager !== undefined, device?.fd ?? -1)
    if (started !== true) throw new WatchdogError('unsupported', started)
  } catch (error) {
    if (device !== undefined) stopDevice(device.fd)
    throw error
  }
  return period
}

/**
 * Feeds the watchdog of systemd (`WatchdogSec=`) from the sampling thread, only while this thread's event loop answers within
 * `eventLoop` and no limit in `resources` is breached. Before it stops, it sends what is wrong as `STATUS=`. Where nothing asks
 * to be fed, it does nothing, and {@link Watchdog.why} says why. It never reports that the program is ready: the program does.
 *
 * @example
 * const dog = watchdog({ eventLoop: '10s', resources: { memory: 95 } })
 * server.listen(8080, () => dog.ready('listening on 8080'))
 * @throws TypeError, RangeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`) for bad input;
 *   WatchdogError (`ERR_TRIPLINE_WATCHDOG`) for what the environment or the device does not allow, and for a second one;
 *   MetricUnavailableError, NativeMissingError as `guard()`
 */
export function watchdog(options: WatchdogOptions): Watchdog {
  return outsideContexts(() => new Watchdog(parseOptions(options)))
}
