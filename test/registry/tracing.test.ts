/** `tripline:operation`, a `TracingChannel`. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { tracingChannel } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import { Cancelable, CancelationError } from '../../src/index.js'
import { OperationRegistry, operationChannel, type OperationTrace } from '../../src/registry/index.js'
import { rejection } from '../cancelable/helpers.js'

test('is the channel of that name', () => {
  expect(operationChannel.start).toBe(tracingChannel('tripline:operation').start)
})

test('publishes the events of runs and blocks, each with the one message of its operation', async () => {
  const own = new OperationRegistry()
  const events: string[] = []
  const messages = new Set<unknown>()
  const record = (event: string) => (message: unknown) => {
    const { operation, error } = message as OperationTrace
    messages.add(message)
    events.push(
      `${operation.name}: ${event}${event === 'error' ? ` ${CancelationError.is(error) ? error.name : String(error)}` : ''}`,
    )
  }
  const handlers = {
    start: record('start'),
    end: record('end'),
    asyncStart: record('asyncStart'),
    asyncEnd: record('asyncEnd'),
    error: record('error'),
  }
  operationChannel.subscribe(handlers)
  try {
    await Cancelable.run(
      async () => {
        events.push('body')
        await Promise.resolve()
        events.push('later')
      },
      { name: 'run', register: own },
    )
    await rejection(Cancelable.run(() => { throw new Error('bad') }, { name: 'fails', register: own })) // prettier-ignore
    await rejection(Cancelable.run((cancel) => cancel.sleep('1h'), { name: 'late', register: own, timeout: 1 }))
    new Cancelable({ name: 'block', register: own }).enter()[Symbol.dispose]()
    await Cancelable.run(() => 1, { name: 'unregistered' })
  } finally {
    operationChannel.unsubscribe(handlers)
  }
  await Cancelable.run(() => 1, { name: 'afterwards', register: own })
  expect(events.join('\n')).toBe(
    `run: start
body
run: end
later
run: asyncStart
run: asyncEnd
fails: start
fails: end
fails: error Error: bad
fails: asyncStart
fails: asyncEnd
late: start
late: end
late: error TimeoutError
late: asyncStart
late: asyncEnd
block: start
block: end
block: asyncStart
block: asyncEnd`,
  )
  expect(messages.size).toBe(4)
})

test('a store that is bound to the start is in force inside the body', async () => {
  const own = new OperationRegistry()
  const spans = new AsyncLocalStorage<string>()
  operationChannel.start.bindStore(spans, (message) => `span of ${message.operation.name}`)
  try {
    const seen = await Cancelable.run(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 1))
        return spans.getStore()
      },
      { name: 'x', register: own },
    )
    expect(seen).toBe('span of x')
    expect(spans.getStore()).toBeUndefined()
  } finally {
    operationChannel.start.unbindStore(spans)
  }
})

test('a subscriber that cancels the operation: the body is not called, and the registry is left', async () => {
  const own = new OperationRegistry()
  const cancel = (message: unknown): void =>
    void own.cancel((message as OperationTrace).operation.id, 'by the subscriber')
  operationChannel.start.subscribe(cancel)
  try {
    const error = await rejection(Cancelable.run((inner) => inner.sleep('1h'), { register: own }))
    expect(error).toMatchObject({ message: 'by the subscriber' })
    expect(own.size).toBe(0)
  } finally {
    operationChannel.start.unsubscribe(cancel)
  }
})
