// A worker that shuts down as a supervisor expects: SIGTERM ends the wait for work at once, the item in work is finished within a
// deadline, everything is cleaned up, and the exit status says whether all went well. A second signal does not wait.
import { setTimeout as later } from 'node:timers/promises'
import { Cancelable, CancelationError } from 'tripline'

const DEADLINE = process.env.DEADLINE ?? '10s'
const queue = ['a', 'b', 'c'].map((name, index) => ({
  name,
  time: index === 1 ? Number(process.env.ITEM_MS ?? 500) : 50,
}))

async function finish({ name, time }) {
  await later(time)
  console.log(`end ${name}`)
}

async function work(cancel) {
  cancel.defer(() => console.log('connections are closed'))
  for (const item of queue) {
    console.log(`begin ${item.name}`)
    // Not interrupted, but for no longer than the deadline.
    await cancel.shield(() => finish(item), { max: DEADLINE })
  }
  console.log('waiting for work')
  await cancel.sleep('1h')
}

try {
  await Cancelable.run(
    (cancel) => {
      // Registered after the first signal: the default action of a second one is off while the operation runs.
      cancel.onCancel(() => {
        for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => process.exit(130))
      })
      return work(cancel)
    },
    { signals: ['SIGTERM', 'SIGINT'], ref: true },
  )
} catch (error) {
  if (!CancelationError.is(error)) throw error
  console.log(error.message)
}
