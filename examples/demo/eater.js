// Starts a child process that fills a given amount of memory within about a second and then waits to be stopped.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const SOURCE = `
  const bites = 40
  const bite = Math.ceil(Number(process.argv[1]) / bites)
  const eaten = []
  // Fill the memory, because it only counts once it is touched.
  const timer = setInterval(() => {
    eaten.push(Buffer.alloc(bite, 1))
    if (eaten.length === bites) clearInterval(timer)
  }, 25)
  setInterval(() => eaten.length, 1000)
  // Exit when the parent is gone.
  process.on('disconnect', () => process.exit())
  process.send('started')
`

/** Starts to fill `bytes` of memory; `stop()` frees them. */
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
