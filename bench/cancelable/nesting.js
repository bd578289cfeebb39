// What `tripline/context` costs, which is imported halfway, and scopes; each over the same without it.
import { Cancelable } from '../../dist/index.js'
import { awaitEach, report, time } from './harness.js'

const body = async () => 1
const bodies = Array.from({ length: 100 }, () => body)

// Separate loops, so that neither is optimized for the other.
const cases = () => ({
  await: awaitEach(() => body()),
  run: awaitEach(() => Cancelable.run(body)),
})

const before = await time(cases())
const scopes = await time({
  child: awaitEach(() => Cancelable.run((cancel) => cancel.child().run(body))),
  task: awaitEach(() => Cancelable.run((cancel) => cancel.task(body))),
  all: [1000, awaitEach(() => Cancelable.run((cancel) => cancel.all(bodies, { concurrency: 10 })))],
})
await import('../../dist/context.js')
const after = await time(cases())
report({ before, after, scopes })
process.exit()
