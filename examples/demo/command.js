// Part 3: a command that takes too much, with all that it has started.
import { run } from 'tripline'

export const title = 'A command that leaks, and leaves daemons behind'
export const intro =
  'It starts two daemons, and then fills the memory. All three processes end, and the result says why.'

const LEAK = `
  const { spawn } = require('node:child_process')
  const daemon = ['-e', 'setInterval(() => {}, 1000)']
  for (let i = 0; i < 2; i++) spawn(process.execPath, daemon, { detached: true, stdio: 'ignore' }).unref()
  const kept = []
  setInterval(() => kept.push(Buffer.alloc(4_000_000, 1)), 20)
`

export function example() {
  return run(process.execPath, ['-e', LEAK], {
    limits: { 'process.footprint': '160MB' },
    timeout: '5s',
  })
}

export async function show(page) {
  let result
  try {
    result = await example()
  } catch (error) {
    // A sandbox may refuse what holds a tree of processes together.
    if (error.code !== 'ERR_TRIPLINE_NOT_STARTED') throw error
    page.note(error.message)
    return
  }
  const { reason, sent, ended, left, endedIn, status } = result
  page.bad(reason?.message ?? `It has ended by itself, with the status ${status}.`)
  page.note(
    `Sent ${sent ?? 'nothing'}; ${ended} processes have ended in ${Math.round(endedIn)} ms, and ${left} are left.`,
  )
  page.note(`tripline run would exit with ${status}.`)
}
