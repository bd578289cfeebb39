// Prints the answer of a language model as it comes (server-sent events), and gives up when no token has come for a while.
//
//   node llm-stream.js URL PROMPT
import { Cancelable, CancelationError } from 'tripline'

const [url, prompt] = process.argv.slice(2)

/** The data of server-sent events, which may be cut anywhere between two chunks. */
async function* eventsOf(chunks) {
  let text = ''
  for await (const chunk of chunks) {
    text += chunk
    const events = text.split(/\r?\n\r?\n/)
    text = events.pop()
    for (const event of events) {
      const lines = event.split(/\r?\n/).filter((line) => line.startsWith('data:'))
      if (lines.length > 0) yield lines.map((line) => line.slice(5).trimStart()).join('\n')
    }
  }
}

let answer = ''
try {
  await Cancelable.run(
    async (cancel) => {
      const body = JSON.stringify({ prompt, stream: true })
      const response = await fetch(url, { method: 'POST', body, signal: cancel.signal })
      if (!response.ok) throw new Error(`the model answered with ${response.status}`)
      const text = response.body?.pipeThrough(new TextDecoderStream()) ?? []
      // Each token starts the idle time again; comments that only keep the connection open do not.
      for await (const data of cancel.stream(eventsOf(text), { idle: process.env.IDLE ?? '20s' })) {
        if (data === '[DONE]') return
        // What comes from outside may be anything: an event without a token is skipped.
        const token = String(JSON.parse(data)?.token ?? '')
        answer += token
        process.stdout.write(token)
      }
    },
    // The first token may take longer, the whole answer has a limit as well.
    { timeout: '5m', signals: ['SIGINT'] },
  )
  console.log('\ncomplete')
} catch (error) {
  const why = CancelationError.is(error) ? error.reason.kind : 'error'
  console.log(`\n${why}: ${error.message} (${answer.length} characters so far)`)
  process.exitCode = 1
}
