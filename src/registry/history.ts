/** The operations that have ended last, as small records in a ring. */
import type { OperationSummary } from './filter.js'

/** What is kept of an operation that has ended: no results, and no reference to the operation. */
export interface OperationRecord extends OperationSummary {
  /** The message of the error that its body failed with. */
  readonly error: string | undefined
}

export class History {
  #size = 0
  #records: OperationRecord[] = []
  /** Where the next record goes once the ring is full. */
  #next = 0

  get size(): number {
    return this.#size
  }

  resize(size: number): void {
    this.#records = [...this.newest()].slice(0, size).toReversed()
    this.#next = 0
    this.#size = size
  }

  add(record: OperationRecord): void {
    if (this.#records.length < this.#size) {
      this.#records.push(record)
      return
    }
    this.#records[this.#next] = record
    this.#next = (this.#next + 1) % this.#size
  }

  /** The newest first. */
  *newest(): Generator<OperationRecord> {
    const { length } = this.#records
    for (let i = 1; i <= length; i++) yield this.#records[(this.#next + length - i) % length]!
  }

  clear(): void {
    this.#records.length = 0
    this.#next = 0
  }
}
