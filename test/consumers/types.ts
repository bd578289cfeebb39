// Code as in a project that type-checks its libraries and uses `exactOptionalPropertyTypes`: options that may be undefined,
// subclasses, and the types of callback arguments.
import { Cancelable, CancelationToken, Guard, every, guard, run, runInWorker, sample } from 'tripline'
import { currentOperation } from 'tripline/context'
import { OperationRegistry, operationChannel, registry, type OperationNode } from 'tripline/registry'
import {
  assertCancelsWithin,
  collect,
  fakeBreach,
  readTrace,
  recordingToken,
  simulate,
  useClock,
} from 'tripline/testing'
import type { Collection, FakeBreach, RecordingToken, Simulation, TestClock, Trace } from 'tripline/testing'
import type { CancelableOptions, GuardOptions, Limits, RunOptions, SamplesOptions, TickerOptions } from 'tripline'

export function parts(): Promise<[number, string]> | undefined {
  const cancel: Cancelable | undefined = currentOperation()
  return cancel?.all([() => 1, async (inner) => inner.context.id], { concurrency: 2 })
}

export function operation(timeout?: string, token?: CancelationToken, abortSignal?: AbortSignal): Cancelable {
  const options: CancelableOptions = { timeout, token, abortSignal, resources: undefined, signals: undefined }
  return new Cancelable(options)
}

export function watch(name?: string, above?: number): Guard {
  const limits: Limits = { cpu: above, memory: { above: 90, for: undefined } }
  const options: GuardOptions = { name, within: undefined }
  return guard(limits, options)
}

export async function command(options: RunOptions = { timeout: undefined, limits: undefined }): Promise<number> {
  const { status } = await run('true', [], options)
  return status
}

export const settings: readonly [TickerOptions, SamplesOptions] = [
  { name: undefined, guard: undefined },
  { metrics: ['memory'], batch: undefined },
]

export class Job extends Cancelable {
  readonly title: string = 'a job'
}

export async function used(): Promise<number> {
  const ticker = every({ hz: 10 }, (tick) => tick.throwIfCanceled(), { timeout: undefined })
  await ticker.close()
  const taken = await sample('process.rss')
  return taken.get('process.rss')?.value ?? 0
}

export function faked(watched: Guard): FakeBreach {
  return fakeBreach(watched, 'disk.free(/data)', '1GB')
}

export async function played(trace: Trace, minHold?: string): Promise<Simulation> {
  await simulate({ memory: 90 }, [{ time: '1s', values: { memory: null, 'disk.free(/)': 5, cpu: undefined } }], {
    minHold,
  })
  await simulate({ memory: 90 }, readTrace('[]'))
  return simulate({ memory: 90 }, trace, { interval: undefined })
}

export async function tools(kind?: 'timeout'): Promise<[TestClock, RecordingToken, Collection]> {
  await assertCancelsWithin((cancel) => cancel.sleep(5), '1s', { kind })
  return [useClock(), recordingToken(), collect(new Cancelable())]
}

export async function listed(name?: string, parent?: Cancelable): Promise<[number, OperationNode[]]> {
  const own = new OperationRegistry({ history: undefined })
  const { asyncEnd } = operationChannel
  asyncEnd.subscribe((message) => message)
  using _registered = new Cancelable({ register: own, parent }).enter()
  return [await registry.cancelAll({ name, parent }, { batch: undefined }), own.tree()]
}

export const inThread: Promise<number> = runInWorker((cancel, data) => (cancel.isCanceled ? 0 : data.length), {
  data: [1, 2],
})
