// Part 1: a guard on the memory of this process.
import { Cancelable, CancelationError, sample } from 'tripline'

export const title = 'A job that fills the memory'
export const intro = 'It keeps all that it reads. A limit on the memory of this process ends it.'

const MB = 1e6
/** How much the job may take. */
const ROOM = 64 * MB

export async function example(limit) {
  const kept = []
  await Cancelable.run(
    async (cancel) => {
      for (;;) {
        kept.push(Buffer.alloc(2_000_000, 1))
        await cancel.sleep(25)
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
  let reason
  try {
    await example(limit)
  } catch (error) {
    if (!(error instanceof CancelationError)) throw error
    reason = error.reason
  }
  clearInterval(drawing)
  const { origin, recent, value } = reason.breach
  bar.draw(1, `${inMegabytes(value)} of ${inMegabytes(limit)} MB`)
  bar.end()
  page.bad(reason.message)
  page.note(`Read from ${origin}; the evidence has ${recent.length} values before it.`)
  page.good('The operation has ended with that reason, and the program goes on.')
}

const inMegabytes = (bytes) => (bytes / MB).toFixed(0)
