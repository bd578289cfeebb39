// A regular expression that takes forever for some input. The pattern looks harmless, but for a long word that is followed by
// something unexpected, it tries every way to divide the word. The search is ended by its timeout, and answered with 400.
//
//   node examples/blocked/regexp.js
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { Cancelable, CancelationError } from 'tripline'

const SENTENCE = /^(\w+\s?)+\.$/

const isSentence = (input) =>
  // The event loop is blocked until then, so the limit is the longest time that other requests can wait.
  Cancelable.run((cancel) => cancel.preemptible(() => SENTENCE.test(input)), { timeout: '500ms' })

async function answer(request) {
  try {
    return (await isSentence(await text(request))) ? [200, 'a sentence'] : [422, 'not a sentence']
  } catch (error) {
    if (error instanceof CancelationError) return [400, 'too complicated']
    return [500, 'internal error']
  }
}

const server = createServer((request, response) => {
  void answer(request).then(([status, body]) => response.writeHead(status).end(body))
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')

// What users send.
for (const body of ['Trip lines end things.', 'no', `${'a'.repeat(50)}!`, 'Still there.']) {
  const response = await fetch(`http://127.0.0.1:${server.address().port}`, { method: 'POST', body })
  console.log(`${body}: ${response.status} ${await response.text()}`)
}
server.close()
server.closeAllConnections()
