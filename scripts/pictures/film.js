// Draws frames of a terminal as an animated SVG. Each line is drawn once, however many frames show it.

const CELL = 8.4
const LINE = 18
const EDGE = 14
const FONT = 'ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace'
const BACKGROUND = '#16191f'
const TEXT = '#d5dae1'
const COLORS = ['#5c6370', '#f0717b', '#7fd88f', '#e5c07b', '#6cb6ff', '#d78cf0', '#5ccfe6', TEXT]
/** How long the last frame stays. */
const LAST_MS = 4000
/** A pause in a recording is not longer than this. */
const PAUSE_MS = 1500

/** The SVG of a recording of `columns` cells. */
export function film(frames, { columns = 80, title }) {
  const rows = Math.max(...frames.map(({ lines }) => lines.findLastIndex((line) => line.length > 0) + 1))
  const width = Math.round(columns * CELL)
  const height = rows * LINE
  const symbols = new Map()
  const strips = frames.map(({ lines }, index) => {
    const uses = lines.slice(0, rows).flatMap((line, y) => {
      if (line.length === 0) return []
      const drawn = line.map(drawRun).join('')
      if (!symbols.has(drawn)) symbols.set(drawn, `l${symbols.size.toString(36)}`)
      return [`<use href="#${symbols.get(drawn)}" y="${y * LINE}"/>`]
    })
    return `<g transform="translate(${index * width})">${uses.join('')}</g>`
  })
  const defs = [...symbols].map(([drawn, id]) => `<g id="${id}">${drawn}</g>`).join('')
  const last = `transform:translateX(${-(frames.length - 1) * width}px)`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width + 2 * EDGE} ${height + 2 * EDGE}" role="img" aria-label="${escape(title)}">
<title>${escape(title)}</title>
<style>text{font:13.5px ${FONT};white-space:pre;fill:${TEXT}}.b{font-weight:600}.d{opacity:.65}${COLORS.map((color, index) => `.c${index}{fill:${color}}`).join('')}
${keyframes(frames, width)}
@media (prefers-reduced-motion:reduce){.s{animation:none;${last}}}</style>
<defs>${defs}</defs>
<rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>
<svg x="${EDGE}" y="${EDGE}" width="${width}" height="${height}"><g class="s" style="${last}">
${strips.join('\n')}
</g></svg>
</svg>
`
}

/** Moves from frame to frame. The pauses are cut, because nothing is seen in them. */
function keyframes(frames, width) {
  const starts = [0]
  for (let index = 1; index < frames.length; index++) {
    starts.push(starts[index - 1] + Math.min(PAUSE_MS, frames[index].at - frames[index - 1].at))
  }
  const total = starts.at(-1) + LAST_MS
  const steps = starts.map(
    (start, index) => `${((100 * start) / total).toFixed(2)}%{transform:translateX(${-index * width}px)}`,
  )
  return `@keyframes k{${steps.join('')}}.s{animation:k ${(total / 1000).toFixed(1)}s steps(1,end) infinite}`
}

function drawRun({ x, text, style: { color, bold, dim, inverse } }) {
  const start = x + (text.length - text.trimStart().length)
  const words = text.trim()
  if (words === '') return ''
  const names = [
    ...(bold ? ['b'] : []),
    ...(dim ? ['d'] : []),
    ...(color !== undefined && color < 16 ? [`c${color % 8}`] : []),
  ]
  const style = names.length > 0 ? ` class="${names.join(' ')}"` : ''
  const length = [...words].length
  const back = inverse
    ? `<rect x="${round(x * CELL)}" width="${round([...text].length * CELL)}" height="${LINE}" fill="#39414d"/>`
    : ''
  // The length keeps columns in line with whichever font there is.
  return `${back}<text x="${round(start * CELL)}" y="13.5" textLength="${round(length * CELL)}"${style}>${escape(words)}</text>`
}

const round = (number) => Number(number.toFixed(1))

export function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
