/** `watch --web`: the machine's metrics, limits, and a process with its tree, as a page in the browser. */
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { LONGEST_DELAY } from '../base/clock.js'
import { Dashboard } from '../integrations/dashboard/dashboard.js'
import { parseDashboard } from '../integrations/dashboard/options.js'
import type { MetricQuery } from '../monitor/queries.js'
import type { ParsedArguments } from './arguments.js'
import type { OnMissing } from './on-missing.js'
import { isInFront } from './own-process.js'
import { isTerminal } from './terminal.js'
import { EXIT, UsageError, print, say } from './usage.js'
import { WatchList, usual } from './watched.js'

const ENDING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
const TREE = ['process.cpu', 'process.rss', 'process.count'] as const

/** @param last how long, in milliseconds; Infinity until a signal comes */
export async function watchWeb(
  given: ParsedArguments,
  interval: number,
  last: number,
  onMissing: OnMissing,
): Promise<number> {
  const [place, names] = splitWords(given)
  const { host, port } = readPlace(place)
  const pid = readPid(given.get('pid'))
  const list = new WatchList(names.length > 0 ? names : usual(), given.all('limit'), onMissing)
  const ofTree = pid === undefined ? [] : TREE.map((metric): MetricQuery => ({ metric, pid, tree: true }))
  const options = {
    title: hostname(),
    metrics: [...ofTree, ...list.queries],
    guards: list.guards,
    interval,
    commandLines: given.has('command-lines'),
  }
  const page = new Dashboard(parseDashboard(options, undefined, pid))
  const address = await page.listen({ host, port })
  page.ref()
  for (const signal of ENDING) process.once(signal, () => void endBy(page, signal))
  if (!isLoopback(host)) say(`${host} can be reached from other machines, and nothing is encrypted`)
  print(`${address}\n`)
  if (isTerminal(0) && isInFront()) {
    say('the address opens the page once, in one browser; Enter prints another one, Ctrl-C ends it')
    const more = (): void => {
      if (!page.closed) print(`${page.link()}\n`)
    }
    process.stdin.on('data', more).on('error', () => undefined)
  }
  await pass(last)
  await page.close()
  process.stdin.destroy()
  return EXIT.ok
}

/** A place may follow `--web` as a word of its own: no metric looks like one. */
function splitWords(given: ParsedArguments): [place: string, names: readonly string[]] {
  const value = given.get('web') ?? ''
  const [first, ...others] = given.rest
  return value === '' && first !== undefined && isPlace(first) ? [first, others] : [value, given.rest]
}

function isPlace(word: string): boolean {
  return /^[^()]*:\d+$|^\d+$|^\[[\da-f:]+\]/i.test(word)
}

/** Parses `HOST:PORT`, `:PORT`, `PORT` or `HOST`. @throws UsageError */
function readPlace(text: string): { host: string; port: number } {
  const whole = /^\d+$/.test(text) ? `:${text}` : text
  const match = /^(?:\[([\da-f:]+)\]|([^:[\]]*))(?::(\d+))?$/i.exec(whole)
  const [, bracketed, name = '', digits = '0'] = match ?? []
  const host = bracketed ?? name
  const port = Number(digits)
  if (match === null || port > 65_535) {
    throw new UsageError(`--web takes HOST:PORT, such as 127.0.0.1:9630 or [::1]:9630; received '${text}'`)
  }
  return { host: host === '' ? '127.0.0.1' : host, port }
}

function isLoopback(host: string): boolean {
  if (host.toLowerCase() === 'localhost' || host === '::1') return true
  return isIP(host) === 4 && host.startsWith('127.')
}

/** @throws UsageError */
function readPid(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const pid = Number(text)
  if (!/^\d+$/.test(text) || pid === 0) throw new UsageError(`--pid takes the id of a process; received '${text}'`)
  try {
    process.kill(pid, 0)
  } catch (error) {
    // One of another user can be watched, too.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw new UsageError(`There is no process ${text}`)
  }
  return pid
}

/** Open pages show that it has ended; then this process dies of the signal, as without a listener. */
async function endBy(page: Dashboard, signal: NodeJS.Signals): Promise<void> {
  await page.close()
  process.kill(process.pid, signal)
}

async function pass(last: number): Promise<void> {
  for (let left = last; left > 0; left -= LONGEST_DELAY) await delay(Math.min(left, LONGEST_DELAY))
}
