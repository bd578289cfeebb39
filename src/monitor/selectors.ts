/** Which series of a metric is meant: its selectors, checked, and the key under which the sampler knows it. */
import { resolve } from 'node:path'
import { invalidType, invalidValue, outOfRange, unknownName } from '../base/errors.js'
import { INT32_MAX } from '../base/int32.js'
import type { Selector } from '../base/selector.js'
import { parseDuration, type Duration } from '../base/units.js'
import {
  METRIC_NAMES,
  SELECTORS,
  findMetric,
  type MetricInfo,
  type MetricScope,
  type SelectorName,
  type TextSelector,
} from '../addon/metrics.js'
import type { SeriesKey } from '../addon/sampler.js'

export const SELECTOR_KEYS: readonly SelectorName[] = Object.values(SELECTORS).flat()

/** What the value of each text selector must be. */
const TEXTS: Readonly<Record<TextSelector, string>> = {
  scope: "'machine' or 'group'",
  path: 'a path',
  interface: "the name of a network interface such as 'eth0'",
  zone: 'the type of a thermal zone',
  gpu: "the name of a GPU such as 'card0'",
}

/** What metrics are called elsewhere, in small letters: by other libraries, by systems, and in the pattern of other metrics. */
const METRICS_ELSEWHERE = {
  temp: 'temperature',
  'cpu.temp': 'temperature',
  'cpu.temperature': 'temperature',
  'cpu.usage': 'cpu',
  ram: 'memory',
  mem: 'memory',
  'memory.usage': 'memory',
  'memory.used': 'memory',
  'memory.free': 'memory.available',
  'process.memory': 'process.rss',
  'disk.usage': 'disk',
  'disk.used': 'disk',
  'disk.available': 'disk.free',
  lag: 'eventLoop.delay',
  'eventloop.lag': 'eventLoop.delay',
  loadavg: 'load',
  'load.average': 'load',
}

/** Looks up a metric by its name. @throws TypeError that suggests the nearest name, for an unknown one */
export function checkMetric(name: unknown): MetricInfo {
  if (typeof name !== 'string') throw invalidType('metric', 'the name of a metric', name)
  const found = findMetric(name)
  if (found === undefined) throw unknownName('metric', name, METRIC_NAMES, METRICS_ELSEWHERE)
  return found.info
}

/** Builds the key of a metric's series, with all defaults filled in. */
export function toSeriesKey(info: MetricInfo, selector: Selector, over: Duration | undefined, name: string): SeriesKey {
  for (const key of SELECTOR_KEYS) {
    const given = selector[key]
    if (given !== undefined && !SELECTORS[info.scope].includes(key)) {
      throw invalidValue(`${name}.${key}`, `left out: '${info.name}' has no ${key}`, given)
    }
  }
  const { pid, tree } = selector
  const [key] = SELECTORS[info.scope]
  const text = isTextSelector(key) ? checkText(selector[key], key, `${name}.${key}`) : undefined
  if (pid !== undefined && (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0 || pid > INT32_MAX)) {
    throw outOfRange(`${name}.pid`, `a process id from 1 to ${INT32_MAX}`, pid)
  }
  if (tree !== undefined && typeof tree !== 'boolean') throw invalidType(`${name}.tree`, 'true or false', tree)
  if (over !== undefined && info.kind === 'level') {
    throw invalidValue(`${name}.over`, `left out: '${info.name}' is a level, not a share over time`, over)
  }
  return {
    metric: info.name,
    window: over === undefined ? info.window : Math.max(parseDuration(over, `${name}.over`), info.minPeriod),
    name: nameOf(info.scope, text),
    pid: pid === process.pid ? 0 : (pid ?? 0),
    tree: tree ?? false,
  }
}

/** Whether a series matches a key, whatever its window. */
export function isSeriesOf(wanted: SeriesKey, { key, info }: { key: SeriesKey; info: MetricInfo }): boolean {
  if (key.metric !== wanted.metric) return false
  // Each such series has a unique name, which no other key can have.
  return info.scope === 'guard' || (key.name === wanted.name && key.pid === wanted.pid && key.tree === wanted.tree)
}

let lastGuard = 0

/** What distinguishes a series from others of its metric. */
function nameOf(scope: MetricScope, text: string | undefined): string {
  // Resolved now, so that a later chdir does not change what is watched.
  if (scope === 'path') return resolve(text ?? '.')
  // Never shared: it counts from when it is made.
  if (scope === 'guard') return String(++lastGuard)
  return text === undefined || (scope === 'group' && text === 'machine') ? '' : text
}

function isTextSelector(key: SelectorName | undefined): key is TextSelector {
  return key !== undefined && Object.hasOwn(TEXTS, key)
}

function checkText(text: unknown, key: TextSelector, name: string): string | undefined {
  if (text === undefined) return undefined
  if (typeof text !== 'string' || text === '' || text.includes('\0')) throw invalidType(name, TEXTS[key], text)
  if (key === 'scope' && text !== 'machine' && text !== 'group') throw invalidValue(name, TEXTS[key], text)
  return text
}

export const NO_SELECTOR: Selector = Object.freeze({})

/** Converts a key back to selectors, leaving out those that have their default. */
export function selectorOf(scope: MetricScope, { name, pid, tree }: SeriesKey): Selector {
  if (name === '' && pid === 0 && !tree) return NO_SELECTOR
  const [key] = SELECTORS[scope]
  return {
    ...(isTextSelector(key) && name !== '' && { [key]: name }),
    ...(pid !== 0 && { pid }),
    ...(tree && { tree: true }),
  }
}

/** The selectors that were given: the default path, which is the working directory, is left out. */
export function givenSelector(given: Selector, { scope }: MetricInfo, key: SeriesKey): Selector {
  return SELECTOR_KEYS.some((each) => given[each] !== undefined) ? selectorOf(scope, key) : NO_SELECTOR
}
