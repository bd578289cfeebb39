// Fills memory at a rate, in chunks, and stops where a watch says so.
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { CHUNK } from './limits.js'

/** What was filled, so that it stays. */
export const kept = []

const PAGE = 4096

function chunk() {
  const bytes = new Uint8Array(CHUNK)
  // Touching each page is what takes memory. Nothing of Node's own JavaScript is called: preemptible() can end it anywhere.
  for (let at = 0; at < CHUNK; at += PAGE) bytes[at] = 1
  kept.push(bytes)
}

/** Fills until the group has allocated this much. */
export function fillTo(bytes, allocated) {
  while (allocated() < bytes) chunk()
}

/** Some microseconds of computing. */
function compute() {
  let sum = 0
  for (let each = 0; each < 5000; each++) sum += each % 7
  return sum
}

/** With a free loop: a turn of it after each chunk, and a timer where it is ahead of its time. */
export async function fillFree(rate, isOver, filled) {
  const start = Date.now()
  for (let bytes = 0; !isOver();) {
    if (bytes > ((Date.now() - start) / 1000) * rate) {
      await sleep(1)
    } else {
      chunk()
      bytes += CHUNK
      filled(bytes, Date.now() - start)
      await turn()
    }
  }
}

/** The same in one go: where it is ahead of its time, it computes. */
export function fillBlocked(rate, isOver, filled) {
  const start = Date.now()
  for (let bytes = 0; !isOver();) {
    while (bytes > ((Date.now() - start) / 1000) * rate) compute()
    chunk()
    bytes += CHUNK
    filled(bytes, Date.now() - start)
  }
}
