/** The text format of Prometheus, version 0.0.4. */
import type { Family, Labels } from '../metrics/families.js'

/** The value of the header `Content-Type` for the text. */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** `tripline_event_loop_delay_seconds`; the names of counters end in `_total`. */
export function prometheusName({ id, type, unit }: Family): string {
  return `tripline_${id.replaceAll('.', '_')}${unit.suffix}${type === 'counter' ? '_total' : ''}`
}

/** Families without a value are left out. */
export function toText(families: readonly Family[]): string {
  let text = ''
  for (const family of families) {
    const name = prometheusName(family)
    let lines = ''
    family.read((labels, value) => {
      lines += `${name}${formatLabels(labels)} ${formatNumber(value)}\n`
    })
    if (lines !== '') text += `# HELP ${name} ${escapeHelp(family.help)}\n# TYPE ${name} ${family.type}\n${lines}`
  }
  return text
}

function formatLabels(labels: Labels): string {
  let text = ''
  for (const name in labels) text += `${text === '' ? '{' : ','}${name}="${escapeLabel(labels[name]!)}"`
  return text === '' ? '' : `${text}}`
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', String.raw`\\`).replaceAll('\n', String.raw`\n`)
}

function escapeLabel(text: string): string {
  return /[\\\n"]/.test(text) ? escapeHelp(text).replaceAll('"', String.raw`\"`) : text
}

function formatNumber(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}
