// Cleanups run when the block is left, whatever happens in it.
import { Cancelable } from 'tripline'

async function work(): Promise<void> {
  await using cancel = new Cancelable({ timeout: '1m', grace: '5s' }).enter()
  cancel.defer(async () => {
    await new Promise((resolve) => setTimeout(resolve, 10))
    console.log('connection closed')
  })
  cancel.defer(() => console.log('lock released'))
  console.log('working')
  cancel.cancel('changed my mind')
  cancel.throwIfCanceled()
  console.log('never printed')
}

await work().catch((error: unknown) => console.log(String(error)))
