// Sums up a large file of "name,amount" lines, and reports what it has if it runs out of time or memory.
//
//   node pipeline.js [FILE] [TIMEOUT]
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { Cancelable, CancelationError } from 'tripline'

const [file = 'rows.csv', timeout = '1m'] = process.argv.slice(2)

async function sumUp(cancel) {
  // Without a prototype: a name may be any text, such as __proto__.
  const sums = Object.create(null)
  const result = { lines: 0, bad: 0, sums }
  for await (const line of cancel.stream(createInterface({ input: createReadStream(file) }))) {
    result.lines++
    const [name, amount] = line.split(',')
    if (amount?.trim() && Number.isFinite(Number(amount))) sums[name] = (sums[name] ?? 0) + Number(amount)
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
  if (CancelationError.is(error)) console.log('partial', JSON.stringify(error.partialResult))
  console.log(error.message)
  process.exitCode = CancelationError.is(error) ? 2 : 1
}
