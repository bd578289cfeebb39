// Imports rows in a container. When its memory runs short, the import ends, what is done is saved, and the status asks for another
// try: the kernel would have killed the whole process in the middle.
//
//   node container.js FILE
import { writeFile } from 'node:fs/promises'
import { Cancelable, CancelationError } from 'tripline'

const [file = 'done.json'] = process.argv.slice(2)
const TRY_AGAIN = 75

const resources = {
  // Of the container or of the machine, whichever is nearer to its limit. Page cache does not count.
  memory: 90,
  'process.rss': process.env.LIMIT ?? '1GB',
}

/** Stands for the real work, and keeps too much. */
async function importRows(cancel) {
  const kept = []
  for (let row = 1; row <= 2000; row++) {
    kept.push(Buffer.alloc(1e6, 1))
    cancel.partialResult = { rows: row }
    await cancel.yield()
  }
  return { rows: kept.length }
}

try {
  const { rows } = await Cancelable.run(importRows, { timeout: '1h', signals: ['SIGTERM'], resources })
  console.log(`all ${rows} rows`)
} catch (error) {
  if (!CancelationError.is(error)) throw error
  await writeFile(file, JSON.stringify(error.partialResult))
  console.log(`ended: ${error.message}`)
  process.exitCode = TRY_AGAIN
}
