// node operations.js MODE FILE: prints the CPU time of an operation's enter and exit, in nanoseconds.
import { Cancelable, record } from '../../../dist/index.js'
import { each, time } from '../../cancelable/harness.js'

const [, , mode] = process.argv
const options = mode === 'bare' ? undefined : { name: 'import' }
const recording = mode === 'recorded' ? record() : undefined
const once = each(() => {
  const operation = new Cancelable(options)
  operation.enter()
  operation[Symbol.dispose]()
})
const { once: result } = await time({ once })
console.log(JSON.stringify(result.min))
recording?.close()
process.exit()
