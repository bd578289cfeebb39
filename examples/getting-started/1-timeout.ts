// A time limit: the operation ends with its work or after half a second, whichever comes first.
import { Cancelable, TimeoutCancelation } from 'tripline'

try {
  await Cancelable.run(
    async (cancel) => {
      for (let step = 1; ; step++) {
        console.log(`step ${step}`)
        await cancel.sleep(200)
      }
    },
    { timeout: 500 },
  )
} catch (error) {
  if (!(error instanceof TimeoutCancelation)) throw error
  console.log(error.message)
  console.log(`the limit was ${error.reason.timeout} ms`)
}
