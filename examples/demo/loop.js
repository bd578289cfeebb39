// Part 2: code that never yields to the event loop.
import { Cancelable, CancelationError, capabilities, describeBreach, guard, preemption } from 'tripline'

export const title = 'A loop that never yields'
export const intro =
  'A regular expression backtracks for years. Meanwhile no timer fires, and no AbortSignal can change. The sampling ' +
  'thread names the line that blocks, and ends the call.'

// The last character makes it no sentence. The pattern tries every way of splitting the rest before it knows that.
const TEXT = `${'a'.repeat(50)}!`
const SENTENCE = /^(\w+\s?)*$/

function isSentence(text) {
  return SENTENCE.test(text)
}

export async function example() {
  const timer = AbortSignal.timeout(300)
  try {
    const work = (cancel) => cancel.preemptible(() => isSentence(TEXT))
    await Cancelable.run(work, { timeout: '1s' })
  } catch (error) {
    return { error, aborted: timer.aborted }
  }
}

/** Where calls cannot be ended from outside, a loop can look at `isCanceled`, which changes while it runs. */
async function looking() {
  const timer = AbortSignal.timeout(300)
  let aborted
  try {
    await Cancelable.run(
      (cancel) => {
        while (!cancel.isCanceled) isSentence('aaaaaaaaaaaaaaa!')
        aborted = timer.aborted
        cancel.throwIfCanceled()
      },
      { timeout: '1s' },
    )
  } catch (error) {
    return { error, aborted }
  }
}

export async function show(page) {
  const { available, why } = preemption()
  const { stack, stackWhy } = capabilities().find(({ metric }) => metric === 'eventLoop.delay')
  const watched = guard({ 'eventLoop.delay': { above: '200ms', stack } })
  // The listener is called when the loop is free again, with what was seen while it was not.
  const breached = new Promise((resolve) => watched.on('breach', resolve))
  if (!available) page.note(`Calls cannot be ended here: ${why}. A loop that looks at isCanceled runs instead.`)
  const started = performance.now()
  const { error, aborted } = await (available ? example : looking)()
  const blocked = performance.now() - started
  if (!(error instanceof CancelationError)) throw error
  // A guard keeps no process alive, and the program has nothing else to wait for.
  const alive = setTimeout(() => undefined, 60_000)
  const breach = await breached
  clearTimeout(alive)
  watched.close()
  page.bad(withoutFolder(describeBreach(breach)))
  if (!stack) page.note(`The line is not known here: ${stackWhy}.`)
  page.bad(`${error.message}; the call has ended after ${Math.round(blocked)} ms`)
  page.note(`AbortSignal.timeout(300) beside it: aborted is ${aborted}. Its timer had no turn.`)
  page.good('The event loop turns again.')
}

/** Files of this demo are shown by their names only. */
const withoutFolder = (text) => text.replace(new URL('.', import.meta.url).href, '')
