// A worker thread with live guards, for program.mjs to end.
import { parentPort } from 'node:worker_threads'
import { guard } from 'tripline'

guard({ 'process.rss': { above: '1MB' } }).on('breach', () => parentPort.postMessage('breached'))
guard({ 'process.rss': { above: '1TB' } })
setInterval(() => {}, 1000)
