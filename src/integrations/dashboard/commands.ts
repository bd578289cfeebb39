/** Commands with what all their processes use. Their metrics are read only while they are looked at. */
import { basename } from 'node:path'
import { Series, type SeriesKey } from '../../addon/sampler.js'
import { openCommands, type OpenCommand } from '../../base/open-commands.js'
import { printable } from '../../base/printable.js'
import { checkMetric, toSeriesKey } from '../../monitor/selectors.js'
import { toWall } from './clock.js'
import { WHY_NO_PROCESSES, processesOf } from './processes.js'
import type { CommandView } from './protocol.js'
import { plain, short } from './text.js'

const METRICS = ['process.cpu', 'process.rss', 'process.count'] as const
const MAX_COMMANDS = 20
const LONGEST_LINE = 500

/** A command, or a process that was named. */
interface Watched {
  readonly root: number
  /** Whether the root is a part of it, and not a supervisor. */
  readonly top: boolean
}

class Meter implements Disposable {
  readonly #series: Series[] = []
  readonly #interval: number

  constructor(root: number, interval: number) {
    this.#interval = interval
    try {
      for (const metric of METRICS) {
        const series = Series.open(keyOf(metric, root), false)
        this.#series.push(series)
        series.addReader(interval)
      }
    } catch {
      // The sampling thread cannot be started: there are no values.
    }
  }

  values(): (number | null)[] {
    return METRICS.map((_, index) => {
      const reading = this.#series[index]?.read()
      return reading?.state === 'known' ? plain(reading.value) : null
    })
  }

  [Symbol.dispose](): void {
    for (const each of this.#series.splice(0)) {
      each.removeReader(this.#interval)
      each.release()
    }
  }
}

function keyOf(metric: (typeof METRICS)[number], root: number): SeriesKey {
  return toSeriesKey(checkMetric(metric), { pid: root, tree: true }, undefined, metric)
}

/** The commands of this thread, and a process that was named. */
export class Commands implements Disposable {
  readonly #interval: number
  readonly #lines: boolean
  readonly #pid: number | undefined
  readonly #meters = new Map<number, Meter>()

  /** @param lines whether with command lines, which may contain secrets */
  constructor(interval: number, lines: boolean, pid: number | undefined) {
    this.#interval = interval
    this.#lines = lines
    this.#pid = pid
  }

  views(): CommandView[] {
    const open = [...openCommands()].slice(0, MAX_COMMANDS)
    const roots = new Set(open.map(({ root }) => root))
    if (this.#pid !== undefined) roots.add(this.#pid)
    for (const [root, meter] of this.#meters) {
      if (roots.has(root)) continue
      meter[Symbol.dispose]()
      this.#meters.delete(root)
    }
    const named = this.#pid === undefined ? [] : [this.#viewOfProcess(this.#pid)]
    return [...named, ...open.map((each) => this.#viewOfCommand(each))]
  }

  /** Reads nothing until the next call of {@link views}. */
  rest(): void {
    for (const each of this.#meters.values()) each[Symbol.dispose]()
    this.#meters.clear()
  }

  [Symbol.dispose](): void {
    this.rest()
  }

  #viewOfProcess(pid: number): CommandView {
    const used = this.#usedBy({ root: pid, top: true })
    const [first] = used.tree
    return {
      pid,
      name: first?.name ?? `process ${pid}`,
      ...(first?.line !== undefined && { line: first.line }),
      startedAt: null,
      paused: false,
      ...used,
    }
  }

  #viewOfCommand({ command, args, pid, root, startedAt, paused }: OpenCommand): CommandView {
    return {
      pid,
      name: short(printable(basename(command))),
      ...(this.#lines && { line: short(printable([command, ...args].join(' ')), LONGEST_LINE) }),
      startedAt: Math.round(toWall(startedAt) / 100) * 100,
      paused,
      ...this.#usedBy({ root, top: process.platform === 'win32' }),
    }
  }

  #usedBy({ root, top }: Watched): Pick<CommandView, 'cpu' | 'memory' | 'processes' | 'tree' | 'why'> {
    let meter = this.#meters.get(root)
    if (meter === undefined) this.#meters.set(root, (meter = new Meter(root, this.#interval)))
    const [cpu = null, memory = null, processes = null] = meter.values()
    return { cpu, memory, processes, tree: processesOf(root, top, this.#lines), why: WHY_NO_PROCESSES }
  }
}
