// The picture of a breach, measured: memory grows, a limit is crossed, and an operation ends.
import { Cancelable, CancelationError, samples } from '../../dist/index.js'
import { THEME } from './theme.js'

const MB = 1e6
const ROOM = 60 * MB

/** Runs a job under a limit, and returns its memory over time, and when what happened. */
async function measure() {
  const points = []
  const start = process.memoryUsage.rss()
  const limit = start + ROOM
  const stop = new AbortController()
  const reading = (async () => {
    for await (const { at, values } of samples({ metrics: ['process.rss'], interval: '2ms', batch: 5 })) {
      for (const [index, time] of at.entries()) points.push({ at: time, value: values['process.rss'][index] })
      if (stop.signal.aborted) return
    }
  })()
  await new Promise((resolve) => setTimeout(resolve, 200))
  const began = performance.now()
  const kept = []
  let breach
  try {
    await Cancelable.run(
      async (cancel) => {
        for (;;) {
          kept.push(Buffer.alloc(2 * MB, 1))
          await cancel.sleep(10)
        }
      },
      { resources: { 'process.rss': limit } },
    )
  } catch (error) {
    if (!(error instanceof CancelationError)) throw error
    breach = error.reason.breach
  }
  const ended = performance.now()
  await new Promise((resolve) => setTimeout(resolve, 120))
  stop.abort()
  await reading
  return { points: points.filter(({ value }) => !Number.isNaN(value)), began, ended, breach, limit, kept }
}

export async function timeline() {
  const { points, began, ended, breach, limit } = await measure()
  const from = began - 40
  const until = ended + 100
  const low = Math.min(...points.map(({ value }) => value)) - 4 * MB
  const high = limit + 14 * MB
  const [left, top, width, height] = [70, 50, 660, 220]
  const x = (at) => left + (width * (at - from)) / (until - from)
  const y = (value) => top + height - (height * (value - low)) / (high - low)
  const inside = points.filter(({ at }) => at >= from && at <= until)
  const line = inside.map(({ at, value }) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ')
  const ticks = []
  for (let ms = 0; began + ms < until; ms += 100) {
    ticks.push(
      `<path d="M${x(began + ms).toFixed(1)} ${top}V${top + height}" class="g"/><text x="${x(began + ms).toFixed(1)}" y="${top + height + 20}" text-anchor="middle" class="s">${ms} ms</text>`,
    )
  }
  const rounded = (value) => `${(value / MB).toFixed(0)} MB`
  const lasted = (ended - breach.at).toFixed(1)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 330" role="img" aria-label="A breach, measured">
<title>The memory of a process grows, crosses its limit, and the operation ends ${lasted} ms after the decision</title>
${THEME}
<text x="${left}" y="24" class="t">A breach, measured <tspan dx="8" class="s">process.rss, read every 2 ms</tspan></text>
${ticks.join('\n')}
<path d="M${left} ${y(limit).toFixed(1)}H${left + width}" class="r" stroke-dasharray="5 4"/>
<text x="${left - 8}" y="${(y(limit) + 4).toFixed(1)}" text-anchor="end" class="rt">${rounded(limit)}</text>
<text x="${left - 8}" y="${(y(inside[0].value) + 4).toFixed(1)}" text-anchor="end" class="s">${rounded(inside[0].value)}</text>
<polyline points="${line}" class="v"/>
<path d="M${x(breach.at).toFixed(1)} ${top}V${top + height}" class="r"/>
<text x="${(x(breach.at) - 8).toFixed(1)}" y="${top + 14}" text-anchor="end" class="rt">breach: ${(breach.value / MB).toFixed(1)} MB</text>
<text x="${(x(breach.at) - 8).toFixed(1)}" y="${top + 32}" text-anchor="end" class="s">operation ended ${lasted} ms later</text>
<text x="${left}" y="${top + height + 46}" class="s">${breach.origin}</text>
</svg>
`
}
