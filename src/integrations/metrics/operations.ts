/** Counts of operations: cancelations and abandoned bodies of this thread, and the counts of a registry if there is one. */
import { cancelChannel, reportError, type CancelMessage } from '../../base/diagnostics.js'
import { REASON_KINDS } from '../../base/reason.js'
import { Cancelable } from '../../cancelable/cancelable.js'
import { PLAIN } from './names.js'
import { wellFormed, type Emit, type Family } from './families.js'
import type { OperationCounts } from './options.js'

/** Counts cancelations by the kind of their reason, until it is disposed of. */
export class Cancelations implements Disposable {
  // From 0, so that the first one of a kind is an increase.
  readonly #counts = new Map([...REASON_KINDS].map((kind) => [kind, 0]))
  readonly #count = (message: unknown): void => {
    const { kind } = (message as CancelMessage).reason
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1)
  }

  constructor() {
    cancelChannel.subscribe(this.#count)
  }

  /** By kind. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts
  }

  [Symbol.dispose](): void {
    cancelChannel.unsubscribe(this.#count)
  }
}

export function operationFamilies(cancelations: Cancelations, registry: OperationCounts | undefined): Family[] {
  const families: Family[] = [
    {
      id: 'operations.canceled',
      type: 'counter',
      unit: PLAIN,
      help: 'Operations that were canceled since the export began, by the kind of the reason.',
      labels: ['kind'],
      read: (emit) => {
        for (const [kind, count] of cancelations.counts) emit({ kind }, count)
      },
    },
    {
      id: 'operations.abandoned',
      type: 'counter',
      unit: PLAIN,
      help: 'Bodies that went on after their operation was abandoned.',
      labels: [],
      read: (emit) => emit({}, Cancelable.abandoned.total),
    },
    {
      id: 'operations.abandoned.running',
      type: 'gauge',
      unit: PLAIN,
      help: 'Bodies of abandoned operations that still run.',
      labels: [],
      read: (emit) => emit({}, Cancelable.abandoned.running),
    },
  ]
  return registry === undefined ? families : [...families, ...registryFamilies(registry)]
}

function registryFamilies(registry: OperationCounts): Family[] {
  return [
    {
      id: 'operations',
      type: 'gauge',
      unit: PLAIN,
      help: 'Registered operations, by status.',
      labels: ['status'],
      read: (emit) => emitCounts(registry, ({ byStatus }) => byStatus, emit),
    },
    {
      id: 'operations.ended',
      type: 'counter',
      unit: PLAIN,
      help: 'Registered operations that have ended, by status.',
      labels: ['status'],
      read: (emit) => emitCounts(registry, ({ ended }) => ({ ...ended, total: undefined }), emit),
    },
  ]
}

/** Code of the program: if it fails, or what it returns are no counts, the rest of the scrape must not be lost. */
function emitCounts(
  registry: OperationCounts,
  select: (all: ReturnType<OperationCounts['statistics']>) => Readonly<Record<string, number | undefined>>,
  emit: Emit,
): void {
  let counts: [string, unknown][]
  try {
    counts = Object.entries(select(registry.statistics()))
  } catch (error) {
    reportError(error, 'registry')
    return
  }
  for (const [status, count] of counts) {
    if (typeof count === 'number' && count >= 0) emit({ status: wellFormed(status) }, count)
  }
}
