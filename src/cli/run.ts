/** `tripline run`: a command and all its processes under limits. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { Cancelable } from '../cancelable/cancelable.js'
import { describeBreach, guard, type Guard } from '../monitor/guard.js'
import type { Limit, Limits } from '../monitor/limits.js'
import type { CancelationReason } from '../reason.js'
import { formatDuration, parseDuration } from '../units.js'
import { parseArguments, type ParsedArguments } from './arguments.js'
import { parseExpression, type LimitExpression } from './expression.js'
import { listTree, signalAll } from './process-tree.js'
import { EXIT, UsageError } from './usage.js'

const OPTIONS = {
  '--timeout': { value: 'DURATION' },
  '--limit': { value: "'METRIC>VALUE'", many: true },
  '--kill-after': { value: 'DURATION' },
  '--quiet': {},
  '-q': {},
}

// What a person or a supervisor sends us is meant for the command.
const FORWARDED: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']

interface Settings {
  /** Milliseconds; Infinity for none. */
  readonly timeout: number
  readonly limits: readonly LimitExpression[]
  readonly killAfter: number
  readonly quiet: boolean
  readonly command: string
  readonly args: readonly string[]
}

export async function main(words: readonly string[]): Promise<number> {
  const settings = readSettings(parseArguments(words, OPTIONS))
  const started = performance.now()
  const child = start(settings)
  const exited = waitFor(child)
  if (child.pid === undefined) return reportUnstarted(settings.command, await exited)

  const stopForwarding = forwardSignals(child)
  try {
    using limits = watch(settings.limits, child.pid)
    const reason = await untilExitOrReason(exited, settings.timeout, limits)
    if (reason === undefined) return statusOf(await exited)
    const seconds = await endTree(child.pid, exited, settings.killAfter)
    if (!settings.quiet) report(settings.command, child.pid, reason, seconds)
    return reason.kind === 'timeout' ? EXIT.timeout : EXIT.limit
  } catch (error) {
    // Nothing may be left running because we failed, least of all a limit that cannot be watched.
    await endTree(child.pid, exited, Math.max(0, settings.killAfter - (performance.now() - started)))
    throw error
  } finally {
    stopForwarding()
  }
}

function readSettings({ options, rest }: ParsedArguments): Settings {
  const duration = (name: '--timeout' | '--kill-after', otherwise: number): number => {
    const text = options.get(name)?.[0]
    if (text === undefined) return otherwise
    // Bare seconds, as timeout(1) takes them.
    return parseDuration(/^[\d.]+$/.test(text) ? Number(text) * 1000 : text, name)
  }
  const timeout = duration('--timeout', 0)
  const [command, ...args] = rest
  if (command === undefined) throw new UsageError('Say which command to run: tripline run [OPTION]... [--] COMMAND')
  return {
    timeout: timeout === 0 ? Infinity : timeout,
    limits: (options.get('--limit') ?? []).map(parseExpression),
    killAfter: duration('--kill-after', 5000),
    quiet: options.has('--quiet') || options.has('-q'),
    command,
    args,
  }
}

function start({ command, args, limits }: Settings): ChildProcess {
  // Checked before anything runs: an unavailable metric must not cost a started command.
  if (limits.length > 0) guard(toLimits(limits, process.pid)).close()
  // On a terminal the command must stay in the foreground group, or it could not read from it.
  return spawn(command, args, { stdio: 'inherit', detached: !process.stdin.isTTY })
}

function watch(limits: readonly LimitExpression[], pid: number): Guard | undefined {
  return limits.length === 0 ? undefined : guard(toLimits(limits, pid), { name: 'run' })
}

/** Under `run`, `process.*` means the command and its tree unless a limit names another process. */
function toLimits(expressions: readonly LimitExpression[], pid: number): Limits {
  const limits: { [metric: string]: Limit[] } = {}
  for (const { metric, limit } of expressions) {
    const ours = metric.startsWith('process.') && limit.pid === undefined
    const list = (limits[metric] ??= [])
    // A command that has ended is no failure: its status is on its way.
    list.push(ours ? { ...limit, pid, tree: true, onMissing: 'ignore' } : limit)
  }
  return limits
}

interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Why it never started. */
  readonly error?: NodeJS.ErrnoException
}

async function waitFor(child: ChildProcess): Promise<Exit> {
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    return { code, signal }
  } catch (error) {
    return { code: null, signal: null, error: error as NodeJS.ErrnoException }
  }
}

async function untilExitOrReason(
  exited: Promise<Exit>,
  timeout: number,
  limits: Guard | undefined,
): Promise<CancelationReason | undefined> {
  const operation = new Cancelable({ timeout, ...(limits && { resources: limits }) })
  try {
    await operation.run((cancel) => cancel.race(exited))
    return undefined
  } catch (error) {
    if (operation.reason === undefined) throw error
    return operation.reason
  }
}

/** Ends the command and all that descends from it; seconds until the last of them was gone. */
async function endTree(root: number, exited: Promise<Exit>, killAfter: number): Promise<number> {
  const started = performance.now()
  const deadline = started + killAfter
  // Listed before anything is sent: once the root is gone its children have another parent.
  let left = listTree(root)
  signalAll(left, 'SIGTERM')
  // A stopped process only dies once it is continued.
  signalAll(left, 'SIGCONT')
  while (left.length > 0) {
    await delay(left.length > 0 ? 20 : 0)
    left = stillThere(left)
    if (performance.now() >= deadline) signalAll(left, 'SIGKILL')
  }
  await exited
  return (performance.now() - started) / 1000
}

/** Those that still live, with the children that they have had since. */
function stillThere(pids: readonly number[]): number[] {
  return [...new Set(pids.flatMap(listTree))]
}

function forwardSignals(child: ChildProcess): () => void {
  const forward = (signal: NodeJS.Signals): void => {
    // On a terminal the whole foreground group has had it from the terminal already.
    if (process.stdin.isTTY && signal === 'SIGINT') return
    child.kill(signal)
  }
  for (const signal of FORWARDED) process.on(signal, forward)
  return () => {
    for (const signal of FORWARDED) process.off(signal, forward)
  }
}

function statusOf({ code, signal }: Exit): number {
  if (signal !== null) return EXIT.signalBase + (constants.signals[signal] ?? 0)
  return code ?? EXIT.failure
}

function reportUnstarted(command: string, { error }: Exit): number {
  const missing = error?.code === 'ENOENT'
  const why = missing ? 'command not found' : `cannot be run (${error?.code ?? 'unknown'})`
  process.stderr.write(`tripline: ${command}: ${why}\n`)
  return missing ? EXIT.notFound : EXIT.notExecutable
}

function report(command: string, pid: number, reason: CancelationReason, seconds: number): void {
  const why =
    reason.kind === 'timeout'
      ? `time limit of ${formatDuration(reason.timeout)}`
      : reason.kind === 'resource'
        ? describeBreach(reason.breach)
        : reason.message
  process.stderr.write(`tripline: ended ${command} (pid ${pid}): ${why}; gone in ${seconds.toFixed(1)}s\n`)
}
