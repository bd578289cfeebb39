// A token lets any code that holds it cancel the operation: here a user closes a window.
import { Cancelable, CancelationToken } from 'tripline'

const token = new CancelationToken()

async function importRows(stop: CancelationToken): Promise<string> {
  return Cancelable.run(
    async (cancel) => {
      await cancel.sleep('1h')
      return 'imported'
    },
    { token: stop },
  )
}

const job = importRows(token)
setTimeout(() => token.cancel('the user closed the window'), 50)

try {
  console.log(await job)
} catch (error) {
  console.log(String(error))
  console.log(token.reason?.kind)
}
