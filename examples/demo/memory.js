// Part 1: a guard on the memory of this process.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { Cancelable, CancelationError, sample } from 'tripline'

export const title = 'A job that fills the memory'
export const intro =
  'It hashes the executable of Node again and again, and keeps all that it reads. A limit on the memory of this process ends it.'

const MB = 1e6
/** How much the job may take. */
const ROOM = 64 * MB

const hash = createHash('sha256')

async function* read() {
  for (;;) yield* createReadStream(process.execPath, { highWaterMark: MB })
}

export async function example(limit) {
  const kept = []
  await Cancelable.run(
    async (cancel) => {
      for await (const part of cancel.stream(read())) {
        hash.update(part)
        kept.push(part)
        await cancel.sleep(10)
      }
    },
    { resources: { 'process.rss': limit } },
  )
}

export async function show(page) {
  const start = (await sample('process.rss')).get('process.rss').value
  const limit = Math.round((start + ROOM) / MB) * MB
  const bar = new page.Bar()
  const drawing = setInterval(() => {
    const now = process.memoryUsage.rss()
    bar.draw((now - start) / ROOM, `${inMegabytes(now)} of ${inMegabytes(limit)} MB`)
  }, 50)
  let error
  try {
    await example(limit)
  } catch (caught) {
    if (!(caught instanceof CancelationError)) throw caught
    error = caught
  }
  clearInterval(drawing)
  const { origin, recent, value } = error.reason.breach
  bar.draw(1, `${inMegabytes(value)} of ${inMegabytes(limit)} MB`)
  bar.end()
  page.bad(error.message)
  page.note(`Read from ${origin}; the evidence has ${recent.length} values before it.`)
  page.note(`Partial result: ${error.partialResult.count} parts, sha256 ${hash.digest('hex').slice(0, 16)}...`)
  page.good('The operation has ended with that reason, and the program goes on.')
}

const inMegabytes = (bytes) => (bytes / MB).toFixed(0)
