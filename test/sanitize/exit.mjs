// Exits from a listener while guards and workers are alive. Separate from lifecycle.mjs, because after process.exit() a
// leak checker reports everything that the runtime has allocated.
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'

const entry = pathToFileURL(`${process.argv[2]}/dist/index.js`).href
const { every, guard } = await import(entry)
const CROSSED = { 'process.rss': { above: 1, for: 0 } }
const source = `
  const { every, guard } = await import(${JSON.stringify(entry)})
  setInterval(() => guard(${JSON.stringify(CROSSED)}, { within: 1 }), 1)
  every('250us', () => {})
`
const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`)
const workers = Array.from({ length: 3 }, () => new Worker(url))
every('250us', () => {})
setTimeout(() => guard(CROSSED, { within: 1 }).on('breach', () => process.exit(workers.length - 3)), 300)
