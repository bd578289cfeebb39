/** A priority queue: a heap in which every member knows its place, so that it can leave in O(log n). */

/** A member of a queue. */
export interface Queued {
  readonly priority: number
  /** The order of arrival. */
  readonly number: number
  /** Its place in the heap; -1 outside. Only for the queue. */
  place: number
}

/** The highest priority goes first; among equals, the one that came first. */
export class PriorityQueue<T extends Queued> {
  readonly #heap: T[] = []

  get size(): number {
    return this.#heap.length
  }

  add(member: T): void {
    this.#heap.push(member)
    this.#up(this.#heap.length - 1, member)
  }

  /** Removes and returns the first; undefined from an empty queue. */
  take(): T | undefined {
    const first = this.#heap[0]
    if (first !== undefined) this.remove(first)
    return first
  }

  /** Returns whether it was in the queue. */
  remove(member: T): boolean {
    const { place } = member
    if (place === -1) return false
    member.place = -1
    const last = this.#heap.pop()!
    if (last === member) return true
    this.#down(this.#up(place, last), last)
    return true
  }

  /** The member that would go last; compares half of all members. */
  last(): T | undefined {
    // The last one has none behind it, so it is in the second half.
    let last: T | undefined
    for (let place = this.#heap.length >> 1; place < this.#heap.length; place++) {
      const each = this.#heap[place]!
      if (last === undefined || isBefore(last, each)) last = each
    }
    return last
  }

  #up(from: number, member: T): number {
    let place = from
    while (place > 0) {
      const above = this.#heap[(place - 1) >> 1]!
      if (!isBefore(member, above)) break
      this.#put(above, place)
      place = (place - 1) >> 1
    }
    this.#put(member, place)
    return place
  }

  #down(from: number, member: T): void {
    let place = from
    for (;;) {
      let below = 2 * place + 1
      const size = this.#heap.length
      if (below >= size) break
      if (below + 1 < size && isBefore(this.#heap[below + 1]!, this.#heap[below]!)) below++
      if (!isBefore(this.#heap[below]!, member)) break
      this.#put(this.#heap[below]!, place)
      place = below
    }
    this.#put(member, place)
  }

  #put(member: T, place: number): void {
    this.#heap[place] = member
    member.place = place
  }
}

function isBefore(a: Queued, b: Queued): boolean {
  return a.priority === b.priority ? a.number < b.number : a.priority > b.priority
}
