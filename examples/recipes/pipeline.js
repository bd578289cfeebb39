// Sums up a large file of "name,amount" lines, and reports what it has if it runs out of time or memory.
//
//   node pipeline.js FILE [TIMEOUT]
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { Cancelable, CancelationError } from 'tripline'

const [file, timeout = '1m'] = process.argv.slice(2)

async function sumUp(cancel) {
  const sums = {}
  const result = { lines: 0, bad: 0, sums }
  for await (const line of cancel.stream(createInterface({ input: createReadStream(file) }))) {
    result.lines++
    const [name, amount] = line.split(',')
    if (Number.isFinite(Number(amount))) sums[name] = (sums[name] ?? 0) + Number(amount)
    else result.bad++
    // What the error has if this is canceled: always as far as the last whole line.
    cancel.partialResult = result
  }
  return result
}

try {
  const result = await Cancelable.run(sumUp, { timeout, resources: { memory: 95 } })
  console.log('complete', JSON.stringify(result))
} catch (error) {
  if (!CancelationError.is(error)) throw error
  console.log('partial', JSON.stringify(error.partialResult))
  console.log(error.message)
  process.exitCode = 2
}
