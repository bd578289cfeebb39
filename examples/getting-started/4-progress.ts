// Progress goes to the operation's own listeners and to those of its parents.
import { Cancelable } from 'tripline'

const operation = new Cancelable({ name: 'copy' }).onProgress(({ operation: from, message, data }) => {
  console.log(`${from.name}: ${message}`, data)
})

await operation.run(async (cancel) => {
  const files = ['a.txt', 'b.txt', 'c.txt']
  for (const [index, file] of files.entries()) {
    await cancel.sleep(10)
    cancel.reportProgress(file, { done: index + 1, of: files.length })
  }
  await cancel.child({ name: 'verify' }).run((child) => child.reportProgress('all there'))
})
console.log(operation.context.status)
