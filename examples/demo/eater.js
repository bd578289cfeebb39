// A child process that really eats memory: so many bytes within about a second, then it waits to be stopped.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const SOURCE = `
  const bites = 40
  const bite = Math.ceil(Number(process.argv[1]) / bites)
  const eaten = []
  // Filled, not only allocated: memory counts once it is touched.
  const timer = setInterval(() => {
    eaten.push(Buffer.alloc(bite, 1))
    if (eaten.length === bites) clearInterval(timer)
  }, 25)
  setInterval(() => eaten.length, 1000)
  // Without its parent it has to stop on its own.
  process.on('disconnect', () => process.exit())
  process.send('started')
`

/** Starts to eat `bytes` of memory; `stop()` gives them back. */
export function startEater(bytes) {
  const child = spawn(process.execPath, ['-e', SOURCE, String(bytes)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  return {
    started: once(child, 'message'),
    stop: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}
