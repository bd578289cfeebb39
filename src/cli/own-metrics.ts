/** Refuses limits that would be about tripline itself. */
import type { Refuse } from '../monitor/expression.js'

/** Refuses metrics of the event loop and the heap, which would be those of tripline itself. */
export const refuseOurOwn: Refuse = ({ metric }) =>
  metric === 'heap' || metric.startsWith('eventLoop.')
    ? `'${metric}' is known inside a program only, and here that is tripline`
    : undefined

/** Also refuses `process.*` without a process id; `why` says why there is no other process that it could be about. */
export function refuseOurProcess(why: string): Refuse {
  return (expression) => {
    const { metric, limit } = expression
    if (!metric.startsWith('process.') || limit.pid !== undefined) return refuseOurOwn(expression)
    return `${why}; name a process, as in '${metric}(123)'`
  }
}
