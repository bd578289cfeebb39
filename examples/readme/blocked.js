import { Cancelable, CancelationError } from 'tripline'

const evil = `${'a'.repeat(50)}!`
const timer = AbortSignal.timeout(300)
try {
  await Cancelable.run((cancel) => cancel.preemptible(() => /^(\w+\s?)*$/.test(evil)), { timeout: '1s' })
} catch (error) {
  if (!CancelationError.is(error)) throw error
  console.log(`${error.message}. AbortSignal.timeout(300) beside it: aborted is ${timer.aborted}.`)
}
