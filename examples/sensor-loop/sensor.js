// A typical sensor: measures at its own pace and writes every reading into a pipe, as 8 bytes.
import { every } from 'tripline'

const READINGS_PER_SECOND = 1000

const ticker = every({ hz: READINGS_PER_SECOND }, (_cancel, { due }) => {
  const reading = Buffer.alloc(8)
  reading.writeDoubleLE(20 + 5 * Math.sin(due / 1000) + (Math.random() - 0.5))
  process.stdout.write(reading)
})

// An error means that the reader has closed the pipe.
process.stdout.on('error', () => void ticker.close())
