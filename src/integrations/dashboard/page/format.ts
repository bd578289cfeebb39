/** Values and times as the rest of the library prints them. */
import { formatDuration, formatSize, formatValue } from '../../../base/units.js'

export function valueText(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined) return 'n/a'
  return formatValue(unit === 'ms' || unit.startsWith('per') ? Number(value.toPrecision(3)) : value, unit)
}

/** In a suitable unit, with three digits. */
export function tookText(ms: number): string {
  return formatDuration(Number(ms.toPrecision(3)))
}

/** Shorter, for an axis: `2GB`, `50%`. */
export function axisText(value: number, unit: string): string {
  if (unit === '%') return `${Number(value.toFixed(1))}%`
  if (unit.startsWith('bytes')) return formatSize(value, 1000, 2).replace(/\.0+(?=\D)/, '')
  return formatValue(value, unit).replace(/ .*/, '')
}

/** Whole seconds, minutes or hours: `12s`, `3m 4s`, `2h 5m`. */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`
}

export function agoText(ms: number): string {
  return ms < 1500 ? 'now' : `${spanText(ms)} ago`
}

export function clockText(at: number): string {
  return new Date(at).toLocaleTimeString(undefined, { timeStyle: 'medium', hourCycle: 'h23' })
}

export function dateText(at: number): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' })
}

export function plural(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

export { formatDuration }
