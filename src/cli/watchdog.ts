/** `tripline run --watchdog`: feeds systemd's watchdog for a command, as long as it runs within its limits. */
import type { RunEvent } from '../run/result.js'
import { takeEnvironment } from '../watchdog/manager.js'
import { kHold, watchdog, type Watchdog } from '../watchdog/watchdog.js'
import { reasonText } from './report.js'

// Our own loop only passes events on, so this long means that something is wrong with this process.
const OWN_LOOP = '10s'

/** Feeds until the process ends. */
export class CommandWatchdog {
  readonly #watchdog: Watchdog

  /**
   * The command may report to systemd itself, by NOTIFY_SOCKET, but not that it lives: the watchdog is fed for it.
   *
   * @throws WatchdogError
   */
  constructor() {
    this.#watchdog = watchdog({ eventLoop: OWN_LOOP, keepEnvironment: true })
    takeEnvironment(['WATCHDOG_USEC', 'WATCHDOG_PID'])
  }

  /** Why it is not fed; empty if it is. */
  get why(): string {
    return this.#watchdog.why
  }

  /** Withholds the feeding while the command is paused or ended by a limit, an idle time or a time limit. */
  follow(event: RunEvent): void {
    if (event.kind === 'paused' || event.kind === 'ending')
      this.#watchdog[kHold](`${event.kind}: ${reasonText(event.reason)}`)
    if (event.kind === 'resumed' || event.kind === 'restarting') this.#watchdog[kHold](undefined)
  }
}
