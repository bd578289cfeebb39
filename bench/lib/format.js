// Formats rows as text.

export function formatRow({ name, value, unit, target, met, note }) {
  const mark = met === null ? ' ' : met ? '✓' : '✗'
  const figure = value === null ? 'not measured' : `${value} ${unit}`
  return `${mark} ${name}: ${figure}${target === '' ? '' : ` (${target})`}${note === '' ? '' : `  [${note}]`}`
}
