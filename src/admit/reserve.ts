/** Reservations of memory and CPUs, which the processes of a machine respect among each other. */
import { capture, capturedReject, capturedResolve } from '../base/capture.js'
import { NotReservedError, outOfRange } from '../base/errors.js'
import { realNow } from '../base/clock.js'
import { formatDuration, formatSize } from '../base/units.js'
import { amountOf } from './explain.js'
import { levelsHere } from './levels.js'
import { Waiting, queue, type Granted } from './queue.js'
import { readReservation, type ReserveOptions, type ReserveRequest, type ReserveSettings } from './request.js'

/** What was reserved. Release it, or leave its `using` block, when it is no longer needed; it also ends with the process. */
export class Reservation implements Disposable, AsyncDisposable {
  /** Reserved memory in bytes; 0 for none. */
  readonly memory: number
  /** Reserved CPUs; 0 for none. */
  readonly cpu: number
  /** The queue that it waited in. */
  readonly lane: string
  /** How long it waited, in milliseconds. */
  readonly waited: number
  #granted: Granted | undefined

  /** @internal Made by {@link reserve}. */
  constructor({ memory, cpu, lane }: ReserveSettings, waited: number, granted: Granted) {
    this.memory = memory
    this.cpu = cpu
    this.lane = lane
    this.waited = waited
    this.#granted = granted
  }

  /** Whether it is still held. */
  get held(): boolean {
    return this.#granted !== undefined
  }

  /** @internal The value of `TRIPLINE_RESERVATION` for a command that runs within this reservation. */
  get key(): string {
    return this.#granted?.key ?? ''
  }

  /** @internal From now on, the tree under this process uses what was reserved. */
  follow(root: number): void {
    this.#granted?.follow(root)
  }

  /** Lets others have what was reserved. Calling it again does nothing. */
  release(): void {
    const granted = this.#granted
    this.#granted = undefined
    granted?.release()
  }

  /** The same as {@link release}. */
  [Symbol.dispose](): void {
    this.release()
  }

  /** The same as {@link release}. */
  [Symbol.asyncDispose](): Promise<void> {
    this.release()
    return Promise.resolve()
  }
}

/**
 * Waits until the memory and the CPUs are free, less what other processes have reserved and not yet used, and reserves them.
 * Waiting keeps the process alive; holding a reservation does not.
 *
 * @example
 * await using reservation = await reserve({ memory: '2GB', cpu: 2 }, { wait: '10m' })
 * await encode(video)
 * @throws TypeError, RangeError with Node's codes for bad input, and at once for more than this machine, or the limit of a
 *   control group, has; NotReservedError `ERR_TRIPLINE_NOT_RESERVED` if it was not granted within `wait`; the signal's reason;
 *   MetricUnavailableError; NativeMissingError
 */
export async function reserve(request: ReserveRequest, options: ReserveOptions = {}): Promise<Reservation> {
  const settings = readReservation(request, options)
  const problem = impossible(settings)
  if (problem !== undefined) throw outOfRange(problem.what, problem.allowed, problem.asked)
  const { signal, wait } = settings
  signal?.throwIfAborted()
  const began = realNow()
  const promise = new Promise<Granted>(capture)
  const [resolve, reject] = [capturedResolve, capturedReject]
  const waiting = new Waiting(settings, resolve, reject)
  const abort = (): void => waiting.fail(signal!.reason)
  queue.add(waiting)
  signal?.addEventListener('abort', abort, { once: true })
  waiting.limit(wait, () => new NotReservedError('wait', describeFailure(settings, waiting)))
  try {
    const granted = await promise
    return new Reservation(settings, realNow() - began, granted)
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

/** What there is less of in all than is wanted; undefined if there is enough. */
export function impossible(
  wanted: Pick<ReserveSettings, 'memory' | 'cpu'>,
): { what: 'memory' | 'cpu'; allowed: string; asked: string | number } | undefined {
  const level = levelsHere().find(({ what, capacity }) => wanted[what] > capacity)
  if (level === undefined) return undefined
  const { what, capacity, place } = level
  const [has, asked] =
    what === 'memory' ? [capacity, wanted.memory].map((size) => formatSize(size)) : [capacity, wanted.cpu]
  return { what, allowed: `at most ${has}, which is all that ${place} has`, asked }
}

function describeFailure(settings: ReserveSettings, { why }: Waiting): string {
  const asked = amountOf(settings)
  const late = settings.wait === 0 ? 'not free now' : `not free within ${formatDuration(settings.wait)}`
  return `${asked} ${asked === '1 CPU' ? 'was' : 'were'} ${late}${why === '' ? '' : `: ${why}`}`
}
