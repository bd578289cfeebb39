/** What `tripline doctor` shows of reservations. */
import { amountOf } from '../admit/explain.js'
import { listReservations, type ReservationInfo } from '../admit/overview.js'
import { NotReservedError } from '../base/errors.js'
import { formatDate, formatSize } from '../base/units.js'

const TOPIC = 'reserved'

export interface Reserved {
  readonly findings: readonly { readonly topic: string; readonly good: boolean; readonly text: string }[]
  readonly reservations: readonly ReservationInfo[]
}

/** All reservations that this user can see, by age. */
export async function describeReservations(): Promise<Reserved> {
  try {
    const { folder, reservations } = await listReservations()
    if (reservations.length === 0)
      return { findings: [{ topic: TOPIC, good: true, text: `nothing, in ${folder}` }], reservations }
    const findings = reservations.map((each) => ({ topic: TOPIC, good: true, text: toText(each) }))
    return { findings, reservations }
  } catch (error) {
    if (!(error instanceof NotReservedError)) throw error
    return { findings: [{ topic: TOPIC, good: false, text: error.message }], reservations: [] }
  }
}

function toText(info: ReservationInfo): string {
  const { pid, user, name, lane, state, since, used, memory } = info
  const time = formatDate(since.getTime())
  const owner = `${name || 'a process'} (pid ${pid}${user === '' ? '' : `, user ${user}`})`
  const queue = lane === 'default' ? '' : `, lane ${lane}`
  if (state === 'waiting') return `${owner} has waited for ${amountOf(info)} since ${time}${queue}`
  const growth = memory > 0 ? `, ${formatSize(used)} used` : ''
  return `${owner} holds ${amountOf(info)} since ${time}${growth}${queue}`
}
