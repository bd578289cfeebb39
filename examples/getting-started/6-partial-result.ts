// The partial result is kept when the operation is canceled, on the error and on the operation.
import { Cancelable, CancelationError, type PartialStream } from 'tripline'

async function* rows(): AsyncGenerator<string> {
  for (let row = 1; ; row++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    yield `row ${row}`
  }
}

const operation = Cancelable.withTimeout('500ms')
try {
  await operation.run(async (cancel) => {
    // Holds the last three items.
    for await (const row of cancel.stream(rows(), { keep: 3 })) void row
  })
} catch (error) {
  if (!CancelationError.is(error)) throw error
  const { count, items, complete } = error.partialResult as PartialStream<string>
  console.log(
    `${count > 3 ? 'more than three rows' : `${count} rows`}, the last three of them kept: ${items.length === 3}`,
  )
  console.log(`complete: ${complete}`)
}
