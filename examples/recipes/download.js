// Downloads a file with a progress bar. Ends when the server is silent, the disk gets full, or with Ctrl-C.
//
//   node download.js URL FILE
import { createWriteStream } from 'node:fs'
import { rename } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { finished } from 'node:stream/promises'
import { Cancelable, CancelationError } from 'tripline'

const [url, file] = process.argv.slice(2)
const part = `${file}.part`
const { stdout } = process

function draw({ fraction = 0, eta, total }) {
  const bar = '#'.repeat(Math.round(fraction * 30)).padEnd(30, '.')
  const left = eta === undefined ? '' : `, ${Math.ceil(eta / 1000)} s left`
  const line = `[${bar}] ${Math.round(fraction * 100)} % of ${total} bytes${left}`
  stdout.write(stdout.isTTY ? `\r${line}\u001b[K` : `${line}\n`)
}

const download = new Cancelable({
  idle: process.env.IDLE ?? '10s',
  signals: ['SIGINT'],
  resources: { 'disk.free': { below: '100MB', path: dirname(resolve(file)) } },
})
download.onProgress(draw, { throttle: '100ms' })

try {
  await download.run(async (cancel) => {
    const response = await fetch(url, { signal: cancel.signal })
    if (!response.ok) throw new Error(`the server answered with ${response.status}`)
    const total = Number(response.headers.get('content-length'))
    const output = createWriteStream(part)
    // Closed on every way out.
    cancel.defer(() => finished(output.end()))
    let done = 0
    for await (const chunk of cancel.stream(response.body)) {
      if (!output.write(chunk)) await cancel.race(new Promise((free) => output.once('drain', free)))
      done += chunk.length
      cancel.reportProgress({ done, total })
    }
  })
  await rename(part, file)
  console.log(`\n${file} is complete`)
} catch (error) {
  const why = CancelationError.is(error) ? error.reason.kind : 'error'
  console.log(`\n${why}: ${error.message}; what came is in ${part}`)
  process.exitCode = 1
}
