/** Reserves what a command needs, before it starts. */
import { reserve, type Reservation } from '../admit/reserve.js'
import { Cancelable, type CancelableOptions } from '../cancelable/cancelable.js'
import type { RunReservation } from '../admit/request.js'

/**
 * Waits for the reservation. What cancels the run ends the wait; its timeout only counts from the start of the command.
 *
 * @throws CancelationError; as {@link reserve}
 */
export async function reserveFor(
  command: string,
  { lane, wait, ...request }: RunReservation,
  sources: CancelableOptions,
): Promise<Reservation> {
  // The wait is no operation of the caller's, and not part of the time that the command has.
  const waitFor = {
    ...sources,
    timeout: undefined,
    id: undefined,
    name: undefined,
    metadata: undefined,
    register: false,
  }
  let reservation: Reservation | undefined
  try {
    await Cancelable.run(async (cancel) => {
      reservation = await reserve(request, { lane, wait, name: nameOf(command), signal: cancel.signal })
    }, waitFor)
  } catch (error) {
    reservation?.release()
    throw error
  }
  return reservation!
}

/** The name of a command, without the folder of its file. */
export function nameOf(command: string): string {
  return command.split(/[\\/]/).findLast((part) => part !== '') ?? command
}
