/** Checks the information in a recording's header, which is JSON text that anything may have written. */
import type { MetricName } from '../addon/metrics.js'
import type { RecordedColumn, RecordedGroup, RecordedInfo } from './format.js'

type Fields = Readonly<Record<string, unknown>>

/** The last time that a date can have, in milliseconds. */
export const LAST_DATE = 8.64e15

/**
 * The information of a recording, without fields that are unknown or of the wrong type; undefined if a necessary one is
 * missing.
 *
 * @param columns how many columns the header says there are
 */
export function parseInfo(text: string, columns: number): RecordedInfo | undefined {
  const fields = parseObject(text)
  if (fields === undefined) return undefined
  const tripline = textOf(fields['tripline'])
  const program = textOf(fields['program'])
  const runtime = textOf(fields['runtime'])
  const platform = textOf(fields['platform'])
  const [pid, thread] = [wholeOf(fields['pid']), wholeOf(fields['thread'])]
  const [at, wall, interval] = [numberOf(fields['at']), numberOf(fields['wall']), numberOf(fields['interval'])]
  const { of, columns: given } = fields
  if (tripline === undefined || program === undefined || runtime === undefined || platform === undefined)
    return undefined
  if (pid === undefined || thread === undefined) return undefined
  if (at === undefined || wall === undefined || interval === undefined || interval <= 0) return undefined
  if (Math.max(at, wall, interval) > LAST_DATE) return undefined
  if ((of !== 'process' && of !== 'command') || !Array.isArray(given) || given.length !== columns) return undefined
  const parsed = given.map((each: unknown) => parseColumn(each))
  if (!parsed.every((each) => each !== undefined)) return undefined
  const group = parseGroup(fields['group'])
  return {
    tripline,
    of,
    pid,
    thread,
    program,
    runtime,
    platform,
    at,
    wall,
    interval,
    columns: parsed,
    ...optional('boot', textOf(fields['boot'])),
    ...optional('startTicks', wholeOf(fields['startTicks'])),
    ...optional('pidNamespace', textOf(fields['pidNamespace'])),
    ...optional('group', group),
    ...optional('heapLimit', numberOf(fields['heapLimit'])),
    metadata: fields['metadata'] === true,
  }
}

function parseColumn(given: unknown): RecordedColumn | undefined {
  if (!isObject(given)) return undefined
  // A later version may have more metrics.
  const metric = textOf(given['metric']) as MetricName | undefined
  const unit = textOf(given['unit'])
  const window = numberOf(given['window'])
  if (metric === undefined || unit === undefined || window === undefined) return undefined
  return {
    metric,
    unit,
    window,
    ...optional('selector', textOf(given['selector'])),
    ...optional('pid', wholeOf(given['pid'])),
    ...optional('tree', booleanOf(given['tree'])),
  }
}

function parseGroup(given: unknown): RecordedGroup | undefined {
  if (!isObject(given)) return undefined
  const { version } = given
  const path = textOf(given['path'])
  if ((version !== 1 && version !== 2) || path === undefined) return undefined
  return {
    version,
    path,
    ...optional('inode', textOf(given['inode'])),
    ...optional('events', textOf(given['events'])),
    ...optional('oomKills', wholeOf(given['oomKills'])),
    ...optional('oomGroup', booleanOf(given['oomGroup'])),
    ...optional('alone', booleanOf(given['alone'])),
  }
}

function parseObject(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [key in K]?: V })
}

const LONGEST_TEXT = 4096

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= LONGEST_TEXT ? value : undefined
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}

function wholeOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined
}

function booleanOf(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined
}
