// Compares the books of a load test: what the client has sent and received, and what the server has noted. Pure.

/** Which ends of a request on the server belong to an outcome of the client. */
const MATCHES = {
  done: ['done'],
  refused: ['refused'],
  timeout: ['timeout'],
  manual: ['manual'],
  resource: ['resource'],
  // The server may have ended it in the moment in which the client went away.
  gone: ['gone', 'done', 'timeout', 'manual', 'resource'],
}

/** How a request may end, besides by being refused, and by a limit that is crossed. */
const ALLOWED = {
  long: ['done'],
  short: ['done'],
  token: ['manual'],
  timeout: ['timeout'],
  gone: ['gone'],
}

const ENDS = new Set(Object.values(MATCHES).flat())

function grouped(entries) {
  const groups = new Map()
  for (const [id, ...rest] of entries) groups.set(id, [...(groups.get(id) ?? []), rest])
  return groups
}

/** Whether the value of a breach is beyond its limit. */
function isCrossed({ value, limit, direction }) {
  return direction === 'above' ? value > limit : value < limit
}

/**
 * Whether requests may have been refused at a time: after the sampler has decided on a breach, and before the program was
 * notified of its end.
 */
function mayRefuse(guardEvents, time) {
  let began
  for (const { event, at, now } of guardEvents) {
    if (event === 'breach') began ??= at
    else if (event === 'clear' && began !== undefined) {
      if (time >= began && time <= now) return true
      began = undefined
    }
  }
  return began !== undefined && time >= began
}

/**
 * @param sent `[id, group]` of every request
 * @param received `[id, outcome, details]` in any order; an outcome is an end of the server, or an error
 * @param server the books of the server, as it answers them
 * @param isWitnessed whether a reading of this process's own, or of the kernel, confirms that a metric was beyond its limit
 * @returns `faults`, one line each, and the `counts` of the ends
 */
export function compareBooks({ sent, received, server, isWitnessed }) {
  const faults = []
  const counts = {}
  const outcomes = grouped(received)
  const notes = grouped(server.book)
  const known = new Set(sent.map(([id]) => id))
  for (const id of [...outcomes.keys(), ...notes.keys()]) if (!known.has(id)) faults.push(`${id} was never sent`)
  for (const [id, group] of sent) {
    const own = outcomes.get(id) ?? []
    const all = notes.get(id) ?? []
    const ends = all.filter(([what]) => ENDS.has(what))
    const admitted = all.filter(([what]) => what === 'admitted')
    const fault = (text) => faults.push(`${id} (${group}): ${text}`)
    if (own.length !== 1) fault(`${own.length} outcomes at the client: ${own.map(([what]) => what).join(', ')}`)
    if (ends.length !== 1) fault(`${ends.length} ends at the server: ${ends.map(([what]) => what).join(', ')}`)
    if (own.length !== 1 || ends.length !== 1) continue
    const [[outcome, seen]] = own
    const [[end, details]] = ends
    counts[end] = (counts[end] ?? 0) + 1
    if (!MATCHES[outcome]?.includes(end)) fault(`${outcome} at the client, ${end} at the server`)
    if (admitted.length !== (end === 'refused' ? 0 : 1)) fault(`${end}, and admitted ${admitted.length} times`)
    if (end === 'refused') {
      if (!mayRefuse(server.guardEvents, details.now)) fault('refused while no limit was crossed')
      continue
    }
    if (end !== 'resource') {
      if (!ALLOWED[group].includes(end)) fault(`ended as ${end}`)
      if (admitted[0]?.[1].breached) fault(`admitted during a breach, and ended as ${end}`)
      continue
    }
    if (!isCrossed(details))
      fault(`${details.metric} is ${details.value}, which is not ${details.direction} ${details.limit}`)
    if (details.at > details.now) fault('canceled before its breach')
    if (outcome === 'resource' && seen.metric !== details.metric) fault(`the client was sent the metric ${seen.metric}`)
    if (!isWitnessed(details)) fault(`nothing else has seen ${details.metric} ${details.direction} ${details.limit}`)
  }
  const { stats, open, unhandled } = server
  const refused = stats.refused.low + stats.refused.normal + stats.refused.high
  const admitted = server.book.filter(([, what]) => what === 'admitted').length
  if (stats.admitted !== admitted) faults.push(`${stats.admitted} admitted, ${admitted} handled`)
  if (refused !== (counts.refused ?? 0)) faults.push(`${refused} refused, ${counts.refused ?? 0} of them noted`)
  if (stats.active + open.operations + open.registered > 0) {
    faults.push(`left open: ${stats.active} requests, ${open.registered} registered operations`)
  }
  for (const each of unhandled) faults.push(`unhandled: ${each}`)
  return { faults, counts }
}

/**
 * The order of shedding: requests are refused while the limit is crossed, not only afterwards, and admitted once that is over.
 *
 * @returns faults, one line each
 */
export function checkShedding({ book, guardEvents }) {
  const clears = guardEvents.filter(({ event }) => event === 'clear').map(({ now }) => now)
  if (!guardEvents.some(({ event }) => event === 'breach')) return ['no limit was crossed']
  if (clears.length === 0) return ['the breach did not end']
  const faults = []
  const last = Math.max(...clears)
  if (!book.some(([, what, { now }]) => what === 'refused' && now < last))
    faults.push('nothing was refused before the breach ended')
  if (!book.some(([, what, { now }]) => what === 'admitted' && now > last))
    faults.push('nothing was admitted after the breach')
  return faults
}
