/** A guard as a line of code that runs as it is. */
import type { Limits } from '../monitor/limits.js'

/** A line that reports the breaches of a guard; names in it may be anything and are quoted. */
export function guardCode(limits: Limits): string {
  return (
    `import { describeBreach, guard } from 'tripline'; ` +
    `guard(${literal(limits)}).on('breach', (breach) => console.error(describeBreach(breach)))`
  )
}

function literal(value: unknown): string {
  if (typeof value === 'string') return /['\\\p{C}\u2028\u2029]/u.test(value) ? JSON.stringify(value) : `'${value}'`
  if (typeof value !== 'object' || value === null) return String(value)
  const fields = Object.entries(value).map(
    ([key, each]) => `${/^\w+$/.test(key) ? key : literal(key)}: ${literal(each)}`,
  )
  return `{ ${fields.join(', ')} }`
}
