// The heap that remains per operation when many operations depend on one long-lived object.
import { Cancelable, CancelationToken, guard } from '../../dist/index.js'
import { awaitEach, report, retained } from './harness.js'
import * as peers from './peers.js'

const COUNT = 200_000
const root = new Cancelable().enter()
const token = new CancelationToken()
const long = new Promise(() => undefined)
const body = async () => 1

const linked = { parent: root, token, timeout: '1h', signals: ['SIGUSR2'] }
let watched
try {
  watched = guard({ 'process.rss': '1TB' })
  linked.resources = watched
} catch (error) {
  console.error(`without guards: ${error.message}`)
}

const results = {
  // A million operations with a parent, a token, an OS signal and a guard.
  tripline: await retained(
    awaitEach(() => Cancelable.run(body, linked)),
    1_000_000,
  ),
  triplineEnter: await retained(async (count) => {
    for (let i = 0; i < count; i++) new Cancelable(linked).enter()[Symbol.dispose]()
  }, 1_000_000),
  triplineCanceledRace: await retained(
    awaitEach(async () => {
      const operation = new Cancelable(linked)
      const run = operation.run((cancel) => cancel.race(long)).catch(() => undefined)
      operation.cancel('stop')
      await run
    }),
    COUNT,
  ),
  promiseRace: await retained(
    awaitEach(() => Promise.race([long, body()])),
    COUNT,
  ),
  byHand: await retained(
    awaitEach(() => peers.byHand(body)),
    COUNT,
  ),
  pTimeout: await retained(
    awaitEach(() => peers.viaPTimeout(body)),
    20_000,
  ),
  cockatiel: await retained(
    awaitEach(() => peers.viaCockatiel(body)),
    20_000,
  ),
  abortSignalAny: await retained(
    awaitEach(async () => {
      AbortSignal.any([token.signal, new AbortController().signal])
    }),
    20_000,
  ),
}
watched?.close()
report(results)
process.exit()
