// A worker thread with live guards and a live command, for program.mjs to end.
import { parentPort } from 'node:worker_threads'
import { guard, run } from 'tripline'

guard({ 'process.rss': { above: '1TB' } })
const breached = new Promise((resolve) => guard({ 'process.rss': { above: '1MB' } }).on('breach', resolve))
// commands.mjs does this on Windows.
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
