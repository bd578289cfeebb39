/** The main module of the thread that helper.ts starts. */
import { parentPort, workerData } from 'node:worker_threads'
import { realNow } from '../base/clock.js'
import { allocateFlag, readFlag } from '../addon/board.js'
import { connect, kDeliver, registerGuard } from '../addon/sampler.js'
import { QUIET, type HelperAnswer, type HelperData } from './helper.js'
import { takeEvidence } from './take.js'

const { settings, kinds, guard } = workerData as HelperData
const { all, within, interval, minHold, limits } = guard

// The word of a guard on the board: its state in the low bits, and above them the number of its breaches.
const STATE_BITS = 3

let seen = 0
let taking = 0
let closing = false
let quietUntil = 0

async function take(): Promise<void> {
  const count = readFlag(flag) >>> STATE_BITS
  if (count === seen) return
  seen = count
  if (taking > 0 || realNow() < quietUntil) return answer({ count, items: undefined, taking })
  taking = count
  const items = await takeEvidence(kinds, settings, true)
  if (closing) process.exit()
  taking = 0
  quietUntil = realNow() + QUIET
  answer({ count, items, taking })
}

function answer(message: HelperAnswer): void {
  parentPort!.postMessage(message)
}

// The guard was closed. Without a listener the thread would end. The main thread does not wait for this one.
parentPort!.on('message', () => {
  closing = true
  if (taking === 0) process.exit()
})
const flag = allocateFlag()
const id = connect().addGuard(all, within, interval, minHold, flag, limits, 0)
if (typeof id === 'string') throw new Error(id)
registerGuard(id, { [kDeliver]: () => void take() })
void take()
