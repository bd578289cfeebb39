/** `tripline run --watchdog`, over a datagram socket in place of systemd's. */
import { expect, it } from 'vitest'
import { CLI, runCommand, type Outcome } from '../helpers/child.js'
import { eventually } from '../helpers/eventually.js'
import { NotifySocket } from '../helpers/watchdog.js'

const FEED = 'WATCHDOG=1'

function runFed(socket: NotifySocket | undefined, ...args: string[]): Promise<Outcome> {
  const env = socket === undefined ? process.env : socket.environment(200_000)
  return runCommand(process.execPath, [CLI, 'run', '--watchdog', ...args], { env })
}

it('feeds while the command lives, which gets no variables of the watchdog', async () => {
  using socket = await NotifySocket.open()
  const running = runFed(
    socket,
    '--',
    'sh',
    '-c',
    'echo "${WATCHDOG_USEC-none} ${WATCHDOG_PID-none} $NOTIFY_SOCKET"; sleep 1',
  )
  const outcome = await running
  expect(outcome).toMatchObject({ code: 0, stderr: '', stdout: `none none ${socket.name}\n` })
  await eventually(() => socket.received.length > 3)
  // It never reports anything that only the program can know.
  expect(new Set(socket.received)).toEqual(new Set([FEED]))
})

it('feeds no more once the command is paused by a limit', async () => {
  using socket = await NotifySocket.open()
  // Paused after half a second of CPU time, for good.
  const options = '--cpu-time 500ms --on-breach pause --timeout 8s --kill-after 100ms'.split(' ')
  const outcome = await runFed(socket, ...options, '--', process.execPath, '-e', 'for (;;);')
  expect(outcome.code).toBe(124)
  await eventually(() => socket.received.some((each) => each.startsWith('STATUS=Watchdog not fed: ending: ')))
  // The statuses may arrive after the end of the run.
  const at = socket.received.findIndex((each) => each.startsWith('STATUS=Watchdog not fed: paused: process.cpuTime '))
  expect(at).toBeGreaterThan(0)
  expect(socket.received.slice(0, at)).toContain(FEED)
  expect(socket.received.slice(at + 1)).not.toContain(FEED)
})

it('feeds no more once the command is silent for too long, until it is restarted', async () => {
  using socket = await NotifySocket.open()
  const options = '--idle-output 300ms --restart=1 --backoff 500ms'.split(' ')
  const outcome = await runFed(socket, ...options, '--', 'sleep', '30')
  expect(outcome.code).toBe(124)
  await eventually(() => socket.received.filter((each) => each.startsWith('STATUS=Watchdog not fed: ')).length === 2)
  const [first, second] = socket.received.flatMap((each, at) =>
    each.startsWith('STATUS=Watchdog not fed') ? [at] : [],
  )
  expect(socket.received[first!]).toMatch(/ending: no output for 300ms/)
  expect(socket.received.slice(first, second)).toContain(FEED)
  expect(socket.received.slice(second)).not.toContain(FEED)
})

it('says that there is nothing to feed, and runs the command', async () => {
  const outcome = await runFed(undefined, '--', 'true')
  expect(outcome).toMatchObject({ code: 0 })
  expect(outcome.stderr).toBe(
    'tripline: --watchdog: nothing to feed: NOTIFY_SOCKET is not set: not a service of systemd\n',
  )
  expect(await runFed(undefined, '--quiet', '--', 'true')).toMatchObject({ code: 0, stderr: '' })
})

it('refuses an environment that makes no sense before it starts the command', async () => {
  const env = { ...process.env, NOTIFY_SOCKET: '@x', WATCHDOG_USEC: 'soon' }
  const outcome = await runCommand(process.execPath, [CLI, 'run', '--watchdog', '--', 'echo', 'started'], { env })
  expect(outcome).toMatchObject({ code: 125, stdout: '' })
  expect(outcome.stderr).toContain("WATCHDOG_USEC must be a number of microseconds; it is 'soon'")
})
