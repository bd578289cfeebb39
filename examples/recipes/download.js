// Downloads a file with a progress bar. Ends when the server is silent, the disk gets full, or with Ctrl-C.
//
//   node download.js URL FILE
import { open, rename } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Cancelable, CancelationError } from 'tripline'

const [url, file] = process.argv.slice(2)
if (file === undefined) {
  console.log('usage: node download.js URL FILE')
  process.exit(64)
}
const part = `${file}.part`
const { stdout } = process

function draw({ done, fraction, eta, total }) {
  let line = `${done} bytes`
  // Some servers do not say how large a file is.
  if (fraction !== undefined) {
    const bar = '#'.repeat(Math.round(fraction * 30)).padEnd(30, '.')
    const left = eta === undefined ? '' : `, ${Math.ceil(eta / 1000)} s left`
    line = `[${bar}] ${Math.round(fraction * 100)} % of ${total} bytes${left}`
  }
  stdout.write(stdout.isTTY ? `\r${line}\u001b[K` : `${line}\n`)
}

const download = new Cancelable({
  idle: process.env.IDLE ?? '10s',
  signals: ['SIGINT'],
  resources: { 'disk.free': { below: '100MB', path: dirname(resolve(file)) } },
})
download.onProgress(draw, { throttle: '100ms' })

let done = 0
try {
  await download.run(async (cancel) => {
    // Not compressed, or the size would be another one than that of the file.
    const response = await fetch(url, { signal: cancel.signal, headers: { 'accept-encoding': 'identity' } })
    if (!response.ok) throw new Error(`the server answered with ${response.status}`)
    const total = Number(response.headers.get('content-length')) || undefined
    const output = await open(part, 'w')
    // Closed on every way out.
    cancel.defer(() => output.close())
    for await (const chunk of cancel.stream(response.body ?? [])) {
      await output.appendFile(chunk)
      done += chunk.length
      cancel.reportProgress({ done, total })
    }
  })
  await rename(part, file)
  console.log(`\n${file} is complete`)
} catch (error) {
  const why = CancelationError.is(error) ? error.reason.kind : 'error'
  console.log(`\n${why}: ${error.message}${done > 0 ? `; what came is in ${part}` : ''}`)
  process.exitCode = 1
}
