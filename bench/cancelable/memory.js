// The bytes that an operation allocates, and those that remain. Run with a young generation too large for a batch to fill.
import { Cancelable, CancelationToken } from '../../dist/index.js'
import { awaitEach, bytes, each, report, retained } from './harness.js'

const root = new Cancelable().enter()
const token = new CancelationToken()
const options = { parent: root, timeout: 30_000, token }
const body = async () => 1

const enterExit = each(() => {
  new Cancelable({ parent: root, timeout: 30_000, token }).enter()[Symbol.dispose]()
})
const plain = awaitEach(() => body())
const runBare = awaitEach(() => Cancelable.run(body))
const runLinked = awaitEach(() => Cancelable.run(body, options))

report({
  enterExit: await bytes(enterExit),
  plain: await bytes(plain),
  runBare: await bytes(runBare),
  runLinked: await bytes(runLinked),
  kept: await retained(enterExit, 1_000_000),
})
process.exit()
