/** The names and numbers of signals, with the real-time signals, for which Node has no names. */
import { constants } from 'node:os'

/** The name of a signal. `SIGRTMIN+0` to `SIGRTMIN+30` are the real-time signals of Linux. */
export type SignalName = NodeJS.Signals | `SIGRTMIN+${number}`

const FIRST_REAL_TIME = 34
const LAST_REAL_TIME = 64
const HAS_REAL_TIME = process.platform === 'linux'

/** The numbers of the real-time signals; none except on Linux. The C library keeps 32 and 33 for itself. */
export const REAL_TIME: readonly number[] = HAS_REAL_TIME
  ? Array.from({ length: LAST_REAL_TIME - FIRST_REAL_TIME + 1 }, (_, index) => FIRST_REAL_TIME + index)
  : []

/** The number of a signal; undefined if this system has no signal of that name. */
export function signalNumber(name: string): number | undefined {
  const [, above] = /^SIGRTMIN\+(\d{1,2})$/.exec(name) ?? []
  if (above === undefined) return Object.hasOwn(constants.signals, name) ? namedSignal(name) : undefined
  const number = FIRST_REAL_TIME + Number(above)
  return HAS_REAL_TIME && number <= LAST_REAL_TIME ? number : undefined
}

function namedSignal(name: string): number {
  return constants.signals[name as NodeJS.Signals]
}

/** The name of a signal, by which Node or {@link signalNumber} knows it. */
export function signalName(number: number): SignalName {
  const found = Object.keys(constants.signals).find((name) => namedSignal(name) === number)
  return (found as NodeJS.Signals | undefined) ?? `SIGRTMIN+${number - FIRST_REAL_TIME}`
}

/**
 * The signal that a user means by `TERM`, `SIGTERM`, `sigterm`, `15`, `RTMIN+3` or `RTMAX-1`; undefined if this system has
 * none of that name or number.
 */
export function findSignal(text: string): SignalName | undefined {
  if (/^\d+$/.test(text)) {
    const name = signalName(Number(text))
    return signalNumber(name) === Number(text) ? name : undefined
  }
  const name = text.toUpperCase().replace(/^(?:SIG)?/, 'SIG')
  const [, base, sign = '+', offset = '0'] = /^SIG(RTMIN|RTMAX)(?:([+-])(\d{1,2}))?$/.exec(name) ?? []
  if (base === undefined) return signalNumber(name) === undefined ? undefined : (name as NodeJS.Signals)
  if ((base === 'RTMIN') !== (sign === '+') && offset !== '0') return undefined
  const number = base === 'RTMIN' ? FIRST_REAL_TIME + Number(offset) : LAST_REAL_TIME - Number(offset)
  return REAL_TIME.includes(number) ? signalName(number) : undefined
}
