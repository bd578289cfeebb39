/** The environment and the arguments of a process: a service manager's variables, and bytes that are not UTF-8. */
import { WatchdogError } from '../../../src/base/errors.js'
import { toBytes, toByteString } from '../../../src/run/bytes.js'
import { addressOf, readManager } from '../../../src/watchdog/manager.js'
import { isPlain, Parts, require } from './check.js'

/** `NAME=value`, separated by NUL as in /proc/PID/environ. */
export function environment(input: Uint8Array): void {
  const parts = new Parts(input)
  const variables: Record<string, string> = Object.create(null) as Record<string, string>
  const texts: string[] = []
  while (!parts.done) {
    const text = parts.text('\0')
    texts.push(text)
    const equals = text.indexOf('=')
    if (equals > 0) variables[text.slice(0, equals)] = text.slice(equals + 1)
  }
  try {
    const { socket, period, why } = readManager(variables, 4711)
    require(period === undefined || (period >= 100 && Number.isFinite(period)), `a period of ${period}`)
    require((period === undefined) === (why !== ''), `a period of ${period}, and '${why}'`)
    const address = addressOf(socket)
    require(socket === '' || /^(?:\0.|\/.*\0$)/s.test(address), `the address ${JSON.stringify(address)}`)
    require(Buffer.byteLength(address) <= 108, 'an address that is too long')
  } catch (error) {
    if (!(error instanceof WatchdogError)) throw error
    require(error.code === 'ERR_TRIPLINE_WATCHDOG' &&
      isPlain(error.message), `the message ${JSON.stringify(error.message)}`)
  }
  for (const text of texts) {
    // What is text stays the same bytes.
    if (!/[\uD800-\uDFFF]/u.test(text)) require(toBytes(text).equals(Buffer.from(text)), 'a text has other bytes')
  }
  // Each byte alone, as a command gets it.
  const escaped = Array.from(input, (byte) => String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte)).join('')
  require(toBytes(escaped).equals(Buffer.from(input)), 'escaped bytes change')
  require(!/[\u0100-\uFFFF]/.test(toByteString(texts.join(''))), 'a character that is no byte')
}
