/** The live view of `watch`: samples, draws and handles keys. */
import { samplerStats } from '../addon/sampler.js'
import type { SamplerStats } from '../addon/native.js'
import { formatSize } from '../base/units.js'
import { Screen } from './screen.js'
import { draw } from './table.js'
import { wantsColor } from './terminal.js'
import { EXIT } from './usage.js'
import type { WatchList } from './watched.js'

/** Shows the live view until `q`, a signal, or until `last` milliseconds have passed. */
export function watchLive(list: WatchList, interval: number, last: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const view = new LiveView(list, () => resolve(EXIT.ok))
    view.follow(interval, last).then(() => resolve(EXIT.ok), reject)
  }).then((status) => {
    // A sample that is still in progress must not keep the process alive.
    process.exit(status as number)
  })
}

class LiveView {
  readonly #list: WatchList
  readonly #screen: Screen
  readonly #cost = new Cost()
  readonly #color = wantsColor()
  #paused = false
  #help = false

  constructor(list: WatchList, end: () => void) {
    this.#list = list
    this.#screen = new Screen({
      key: (key) => {
        if (key === 'q') return end()
        if (key === 'p') this.#paused = !this.#paused
        if (key === '?') this.#help = !this.#help
        this.#draw()
      },
      redraw: () => this.#draw(),
    })
  }

  async follow(interval: number, last: number): Promise<void> {
    for await (const _ of this.#list.sample(interval, last)) {
      this.#cost.measure()
      if (!this.#paused) this.#draw()
    }
  }

  #draw(): void {
    const { width, height } = this.#screen
    const lines = draw({
      rows: this.#list.rows,
      width,
      height,
      color: this.#color,
      cost: this.#cost.text,
      paused: this.#paused,
      help: this.#help,
    })
    this.#screen.show(lines)
  }
}

/** What watching cost between the last two samples. */
class Cost {
  text = ''
  #before: SamplerStats | undefined
  #cpuBefore = process.cpuUsage()
  #at = performance.now()

  measure(): void {
    const stats = samplerStats()
    const at = performance.now()
    const used = process.cpuUsage(this.#cpuBefore)
    const passed = at - this.#at
    if (stats !== undefined && this.#before !== undefined && passed > 0) {
      const share = (100 * (stats.cpu - this.#before.cpu)) / passed
      const wakeups = (1000 * (stats.wakeups - this.#before.wakeups)) / passed
      const whole = (used.user + used.system) / 10 / passed
      const memory = formatSize(process.memoryUsage.rss())
      this.text = `sampler ${share.toFixed(2)}% CPU, ${wakeups.toFixed(0)} wake-ups/s; all ${whole.toFixed(1)}%, ${memory}`
    }
    this.#before = stats
    this.#cpuBefore = process.cpuUsage()
    this.#at = at
  }
}
