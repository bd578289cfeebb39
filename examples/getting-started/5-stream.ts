// A stream ends with its operation, even while it waits for an item. Its source is always closed.
import { Cancelable, CancelationError } from 'tripline'

async function* sensor(): AsyncGenerator<number> {
  try {
    for (let value = 1; ; value++) {
      yield value
      // The third reading is slow; the stream does not wait for it.
      await new Promise((resolve) => setTimeout(resolve, value === 3 ? 1500 : 10))
    }
  } finally {
    console.log('the sensor is closed')
  }
}

try {
  await Cancelable.run(
    async (cancel) => {
      for await (const value of cancel.stream(sensor())) console.log(value)
    },
    { timeout: 500 },
  )
} catch (error) {
  if (!CancelationError.is(error)) throw error
  console.log(error.message)
}
