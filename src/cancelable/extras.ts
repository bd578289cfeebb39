/** The part of an operation's record that few operations need; made when first needed. */
import type { AliveHold } from '../base/alive.js'
import type { CancelationError } from '../base/cancelation-error.js'
import type { OperationContext, Progress } from '../base/operation-context.js'
import type { CancelationReason } from '../base/reason.js'
import type { Watched } from '../engine/idle-watch.js'
import { Hub } from '../engine/link.js'
import type { Aborter } from './aborter.js'
import type { ProgressMeter } from './progress.js'

/** The types of an operation's listeners, by event. Their results are ignored, but a promise that rejects is reported. */
export interface ListenerTypes {
  /** Of `onStart`. */
  start: (operation: OperationContext) => unknown
  /** Of `onComplete`; `value` is what the body fulfilled with, `undefined` for a block. */
  complete: (value: unknown, operation: OperationContext) => unknown
  /** Of `onCancel`. */
  cancel: (reason: CancelationReason, operation: OperationContext) => unknown
  /** Of `onError`; `error` is what the body failed with. */
  error: (error: unknown, operation: OperationContext) => unknown
  /** Of `onProgress`. */
  progress: (progress: Progress) => unknown
  /** Of `onSettled`; the status is final. */
  settled: (operation: OperationContext) => unknown
}

/** Listeners in the order of registration. None affects the others. */
export class Listeners {
  readonly start: ListenerTypes['start'][] = []
  readonly complete: ListenerTypes['complete'][] = []
  readonly cancel: ListenerTypes['cancel'][] = []
  readonly error: ListenerTypes['error'][] = []
  readonly progress: ListenerTypes['progress'][] = []
  readonly settled: ListenerTypes['settled'][] = []
}

/** A member of the list of waiters, which are released when the operation is canceled or ends. */
export interface WaiterNode {
  previous: WaiterNode | null
  following: WaiterNode | null
  leave(): void
  /** The operation was canceled; the waiter is out of its list. Returns whether the body learns of that. Must not throw. */
  canceled(error: CancelationError): boolean
  /** The operation ended in another way; the waiter is out of its list. Must not throw. */
  dismissed(error: CancelationError): void
}

/** A member of the list of what the rest of the package does when the operation has ended. */
export interface EndNode {
  nextEnd: EndNode | null
  /** The status is final. Must not throw. */
  ended(): void
}

/** Operations that were combined from this one. */
export class Followers extends Hub {
  reason: CancelationReason | null = null

  current(): CancelationReason | null {
    return this.reason
  }
}

/** A shielded part of the body. */
export interface Shield {
  /** Resolves when it is over, however it ended. */
  readonly over: Promise<void>
  /** The outer operation was canceled. */
  limit(): void
}

/** A stream that knows how far it got. */
export interface PartialSource {
  partial(): unknown
}

/** A function for `defer`; a promise that it returns is waited for. */
export type Cleanup = () => unknown

/** What few operations need. */
export class Extras {
  id: string | undefined = undefined
  metadata: Readonly<Record<string, unknown>> | undefined = undefined
  /** In milliseconds; undefined for the default. */
  grace: number | undefined = undefined
  /** Wall-clock time in milliseconds at which the time is over, independent of the monotonic clock. */
  deadline: number = Infinity
  /** The same while the timer waits for it: `Infinity` if the timeout is earlier. */
  wallDeadline: number = Infinity
  /** Keeps the process alive while it runs; undefined without the option `ref`. */
  alive: AliveHold | undefined = undefined
  /** When the timer is due, if that is not the start plus the timeout. */
  due: number = Number.NaN
  error: CancelationError | undefined = undefined
  /** The error with which the body failed. */
  failure: unknown = undefined
  aborter: Aborter | undefined = undefined
  context: OperationContext | undefined = undefined
  listeners: Listeners | undefined = undefined
  firstWaiter: WaiterNode | null = null
  lastWaiter: WaiterNode | null = null
  /** In the order of registration. */
  ends: EndNode | null = null
  /** Calls the body, or for a block nothing, within a trace. */
  around: ((body: () => unknown) => unknown) | undefined = undefined
  followers: Followers | undefined = undefined
  cleanups: Cleanup[] | undefined = undefined
  /** The pending cleanups of an operation that was left without waiting for them. */
  leaving: Promise<void> | undefined = undefined
  /** Everything that delays the end of a canceled operation. */
  shields: Set<Shield> | undefined = undefined
  /** The partial result that the body has set. */
  partial: unknown = undefined
  /** The latest stream, unless the body has set a result after it. */
  stream: PartialSource | undefined = undefined
  progress: Progress | undefined = undefined
  /** Measures progress that is reported as numbers. */
  meter: ProgressMeter | undefined = undefined
  /** The idle times of the operation and of its open streams. */
  idleWatches: readonly Watched[] | undefined = undefined
  /** Whether the error of a task leaves the operation as it is. */
  ignoresTaskErrors: boolean = false
  /** How many tasks have not settled. */
  tasks: number = 0
  /** Stops waiting for the tasks. */
  tasksOver: (() => void) | undefined = undefined
  /** The error of a task, with which the operation fails. */
  taskFailure: { readonly error: unknown } | undefined = undefined
  /** The outcome is known, and the tasks are being ended: their errors no longer decide it. */
  endsTasks: boolean = false
  /** Stops waiting for the children. */
  childless: (() => void) | undefined = undefined
  /** Stops waiting for a cleanup. */
  cleanedUp: (() => void) | undefined = undefined
}
