// Part 3: a command that takes too much, with all that it has started.
import { fileURLToPath } from 'node:url'
import { run } from 'tripline'

export const title = 'A command that leaks, and leaves daemons behind'
export const intro =
  'It starts two daemons, and then fills the memory. All three processes end, and the result says why.'

const leak = fileURLToPath(new URL('leak.js', import.meta.url))
// Deno wants to be asked to run a file.
const args = 'deno' in process.versions ? ['run', '-A', leak] : [leak]

export function example() {
  return run(process.execPath, args, {
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
