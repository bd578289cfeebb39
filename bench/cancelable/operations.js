// One operation after the other: enter and exit, run, checks; and the same job by hand and with other libraries.
import { Cancelable, CancelationToken, guard } from '../../dist/index.js'
import { awaitEach, each, report, time } from './harness.js'
import { OperationRegistry } from '../../dist/registry.js'
import * as peers from './peers.js'

const root = new Cancelable().enter()
const token = new CancelationToken()
const options = { parent: root, timeout: peers.LIMIT, token }
const body = async () => 1

const enterExit = each(() => {
  new Cancelable({ parent: root, timeout: 30_000, token }).enter()[Symbol.dispose]()
})
const registry = new OperationRegistry()
const registered = each(() => {
  new Cancelable({ parent: root, timeout: 30_000, token, register: registry }).enter()[Symbol.dispose]()
})
const runBare = awaitEach(() => Cancelable.run(body))
const runLinked = awaitEach(() => Cancelable.run(body, options))
const plain = awaitEach(() => body())

// Measured before anything else has run, as in a program that does little else.
const own = await time({ enterExit }, { count: 200_000 })
const runs = await time({ plain, runBare, runLinked })
const free = new Cancelable().enter()
const limited = new Cancelable({ timeout: '1h' }).enter()
const checks = {
  free: each(() => free.throwIfCanceled()),
  deadline: each(() => limited.throwIfCanceled()),
}
let watched
try {
  watched = guard({ 'process.rss': '1TB' })
  const guarded = new Cancelable({ resources: watched }).enter()
  checks.guarded = each(() => guarded.throwIfCanceled())
} catch (error) {
  console.error(`without guards: ${error.message}`)
}
const opted = await time({ enterExit, registered })
const checking = await time(checks, { count: 1_000_000 })
watched?.close()

const canceling = await time(
  {
    cancel: each(() => {
      new Cancelable(options).enter().cancel('stop')
    }),
    cancelRun: [
      20_000,
      awaitEach(async () => {
        const operation = new Cancelable(options)
        const run = operation.run((cancel) => cancel.sleep(60_000)).catch(() => undefined)
        operation.cancel('stop')
        await run
      }),
    ],
  },
  { count: 50_000, rounds: 9 },
)

const compared = await time(
  {
    plain,
    enterExit,
    runLinked,
    byHand: [10_000, awaitEach(() => peers.byHand(body))],
    abortSignalAny: [2_000, awaitEach(() => peers.abortSignalAny(body))],
    pTimeout: [5_000, awaitEach(() => peers.viaPTimeout(body))],
    cockatiel: [5_000, awaitEach(() => peers.viaCockatiel(body))],
    effect: [5_000, awaitEach(() => peers.viaEffect(body))],
    abortControllerX: [5_000, awaitEach(() => peers.viaAbortControllerX(body))],
    effection: [200, awaitEach(() => peers.viaEffection(body))],
  },
  { count: 50_000, rounds: 9 },
)

report({ own, runs, opted, checking, canceling, compared })
process.exit()
