// The command of part 3: it starts two daemons, which would outlive it, and fills the memory.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

if (process.argv[2] === 'daemon') {
  setInterval(() => undefined, 1000)
} else {
  const daemon = [fileURLToPath(import.meta.url), 'daemon']
  for (let i = 0; i < 2; i++) spawn(process.execPath, daemon, { detached: true, stdio: 'ignore' }).unref()
  const kept = []
  setInterval(() => kept.push(Buffer.alloc(4_000_000, 1)), 20)
}
