// A worker thread with open guards and a running command, which program.mjs terminates.
import { parentPort } from 'node:worker_threads'
import { guard, run } from 'tripline'

guard({ 'process.rss': { above: '1TB' } })
guard({ 'eventLoop.delay': { above: 60_000, stack: true } }, { within: 1 })
const breached = new Promise((resolve) => guard({ 'process.rss': { above: '1MB' } }).on('breach', resolve))
// On Windows, commands.mjs tests this.
const started =
  process.platform === 'win32'
    ? undefined
    : new Promise((resolve, reject) => {
        const onEvent = (event) => event.kind === 'started' && resolve(event.command.pid)
        run('sleep', ['600'], { onEvent }).catch(reject)
      })
setInterval(() => {}, 1000)
await breached
parentPort.postMessage(await started)
