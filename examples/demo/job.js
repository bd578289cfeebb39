// The program that the recorder watches: it ends by a signal that no program can handle.
import { fileURLToPath } from 'node:url'
import { Cancelable, record } from 'tripline'

export async function job(file) {
  const metrics = ['process.rss', 'process.cpu']
  record({ file, interval: '100ms', metrics })
  await Cancelable.run(importRows, { name: 'nightly import' })
}

async function importRows(cancel) {
  const kept = []
  for (let row = 1; row <= 100; row++) {
    kept.push(Buffer.alloc(2_000_000, 1))
    cancel.reportProgress({ done: row, total: 100 })
    await cancel.sleep(25)
    // As the kernel does when memory runs out.
    if (row === 60) process.kill(process.pid, 'SIGKILL')
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await job(process.argv[2])
