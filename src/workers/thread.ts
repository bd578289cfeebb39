/** The main module of a worker thread of `runInWorker`. */
import vm from 'node:vm'
import { parentPort, workerData } from 'node:worker_threads'
import { invalidType } from '../base/errors.js'
import { Cancelable } from '../cancelable/cancelable.js'
import type { SharedOperation } from '../cancelable/shared-operation.js'
import { failure, plainFailure, type Outcome } from './outcome.js'
import type { Task } from './task.js'

/** What `runInWorker` starts the thread with. */
export interface ThreadData {
  readonly shared: SharedOperation
  readonly task: Task
  readonly data: unknown
  /** The grace of the original, in milliseconds: it ends the thread, so this one must not be shorter. */
  readonly grace: number
}

// For `import()` in a function, relative to the current directory; some runtimes lack it.
const constants = vm.constants as typeof vm.constants | undefined
const LOADER = constants === undefined ? {} : { importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER }

type Job = (cancel: Cancelable, data: unknown) => unknown

const { shared, task, data, grace } = workerData as ThreadData
const cancel = Cancelable.from(shared, { grace })
void main()

async function main(): Promise<void> {
  try {
    const job = await load(task)
    finish({ kind: 'value', value: await cancel.run((own) => job(own, data)) })
  } catch (error) {
    finish(failure(explained(error), cancel.isCanceled))
  }
}

async function load({ file, text }: Task): Promise<Job> {
  const job: unknown =
    text === undefined
      ? functionOf((await import(file!)) as Record<string, unknown>)
      : vm.runInThisContext(text, { filename: 'runInWorker', ...LOADER })
  if (typeof job !== 'function') throw invalidType('job', 'a module with a function as its default export', job)
  return job as Job
}

/** The default export, also of a module that a compiler has made CommonJS. */
function functionOf({ default: exported }: Record<string, unknown>): unknown {
  return typeof exported === 'object' && exported !== null && 'default' in exported ? exported.default : exported
}

function explained(error: unknown): unknown {
  if (task.text !== undefined && error instanceof ReferenceError) {
    error.message += '. The function runs in another thread, from its text: it cannot use variables from outside itself'
  }
  return error
}

/** Posts the outcome. What the result owns moves with it, because the thread ends now. */
function finish(outcome: Outcome): void {
  for (const attempt of [
    () => post(outcome, transferable(outcome)),
    () => post(outcome, []),
    () => post(fallback(outcome), []),
  ]) {
    try {
      attempt()
      return
    } catch {
      // The values cannot be transferred, or not be cloned.
    }
  }
}

function post(outcome: Outcome, transfer: ArrayBuffer[]): void {
  parentPort!.postMessage(outcome, transfer)
}

function transferable(outcome: Outcome): ArrayBuffer[] {
  const value = outcome.kind === 'value' ? outcome.value : undefined
  const buffer = ArrayBuffer.isView(value) ? value.buffer : value
  return buffer instanceof ArrayBuffer ? [buffer] : []
}

function fallback(outcome: Outcome): Outcome {
  if (outcome.kind === 'value') return plainFailure(uncloneable(outcome.value))
  return outcome.kind === 'error' ? plainFailure(outcome.error) : outcome
}

function uncloneable(value: unknown): unknown {
  try {
    return structuredClone(value)
  } catch (error) {
    return error
  }
}
