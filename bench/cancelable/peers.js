// The same job by hand and with other libraries: run `body` under a long-lived token and a time limit.
import { setMaxListeners } from 'node:events'
import { delay, race } from 'abort-controller-x'
import { timeout as cockatielTimeout, TimeoutStrategy } from 'cockatiel'
import * as Effect from 'effect/Effect'
import { race as effectionRace, run as effectionRun, sleep as effectionSleep, call as effectionCall } from 'effection'
import pTimeout from 'p-timeout'

export const LIMIT = 30_000

/** One controller in place of the token, and one in place of the parent. */
export const token = new AbortController()
export const parent = new AbortController()
// The benchmark measures many listeners, not the warning about them.
setMaxListeners(0, token.signal, parent.signal)

/** The usual hand-written code: a controller that is linked to two signals and a timer, and unlinked at the end. */
export async function byHand(body) {
  const controller = new AbortController()
  const abort = () => controller.abort(new Error('canceled'))
  const timer = setTimeout(abort, LIMIT)
  parent.signal.addEventListener('abort', abort)
  token.signal.addEventListener('abort', abort)
  try {
    return await body(controller.signal)
  } finally {
    clearTimeout(timer)
    parent.signal.removeEventListener('abort', abort)
    token.signal.removeEventListener('abort', abort)
  }
}

export function abortSignalAny(body) {
  return body(AbortSignal.any([parent.signal, token.signal, AbortSignal.timeout(LIMIT)]))
}

export function viaPTimeout(body) {
  return pTimeout(body(token.signal), { milliseconds: LIMIT, signal: token.signal })
}

const policy = cockatielTimeout(LIMIT, TimeoutStrategy.Aggressive)
export function viaCockatiel(body) {
  return policy.execute(({ signal }) => body(signal), token.signal)
}

export function viaEffect(body) {
  return Effect.runPromise(
    Effect.timeout(
      Effect.promise(() => body(token.signal)),
      LIMIT,
    ),
  )
}

export function viaEffection(body) {
  return effectionRun(function* () {
    return yield* effectionRace([
      effectionCall(() => body(token.signal)),
      (function* () {
        yield* effectionSleep(LIMIT)
        throw new Error('too late')
      })(),
    ])
  })
}

export function viaAbortControllerX(body) {
  return race(token.signal, (signal) => [body(signal), delay(signal, LIMIT)])
}
