import { Cancelable, ResourceCancelation } from 'tripline'

const kept = []
async function leak(cancel) {
  for (; ; await cancel.yield()) kept.push(Buffer.alloc(1e6, 1))
}
try {
  await Cancelable.run(leak, { timeout: '1m', resources: { 'process.rss': '200MB', 'disk.free': '50MB' } })
} catch (error) {
  if (!(error instanceof ResourceCancelation)) throw error
  console.log(`${error.message} after ${kept.length} MB, read from ${error.reason.breach.origin}`)
}
