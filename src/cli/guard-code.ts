/** A guard as a line that runs as it is: of JavaScript, or of a shell for a command. */
import type { Limits } from '../monitor/limits.js'
import { quote } from './quote.js'

/** A line that reports the breaches of a guard; names in it may be anything and are quoted. */
export function guardCode(limits: Limits): string {
  return (
    `import { describeBreach, guard } from 'tripline'; ` +
    `guard(${literal(limits)}).on('breach', (breach) => console.error(describeBreach(breach)))`
  )
}

/** The same for a command that is run under a limit. */
export function runLine(expression: string): string {
  return ['tripline', 'run', '--limit', expression, '--', 'COMMAND'].map((word) => quote(word)).join(' ')
}

function literal(value: unknown): string {
  if (typeof value === 'string') return /['\\\p{C}\u2028\u2029]/u.test(value) ? JSON.stringify(value) : `'${value}'`
  if (typeof value !== 'object' || value === null) return String(value)
  const fields = Object.entries(value).map(
    ([key, each]) => `${/^\w+$/.test(key) ? key : literal(key)}: ${literal(each)}`,
  )
  return `{ ${fields.join(', ')} }`
}
