/** Durations counted in fixed memory: buckets whose width grows with the value, so that each is off by at most 6 %. */

/** In microseconds: below this, each microsecond has a bucket of its own. */
const LINEAR = 16
/** Up to 2^40 us, two weeks. */
const OCTAVES = 36
const BUCKETS = LINEAR + OCTAVES * LINEAR

/** Memory: 2.4 KB. */
export class Histogram {
  readonly #counts = new Uint32Array(BUCKETS)
  #count = 0
  #max = 0

  /** @param ms 0 or more */
  add(ms: number): void {
    this.#count++
    if (ms > this.#max) this.#max = ms
    this.#counts[bucketOf(ms * 1000)]!++
  }

  get count(): number {
    return this.#count
  }

  /** Exact, in milliseconds. */
  get max(): number {
    return this.#max
  }

  /**
   * The smallest value that at least `share` (0 to 1) of all values do not exceed, in milliseconds, rounded up to its
   * bucket's end; NaN if empty.
   */
  quantile(share: number): number {
    if (this.#count === 0) return NaN
    let left = Math.max(1, Math.ceil(share * this.#count))
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#counts[bucket]!
      if (left <= 0) return Math.min(endOf(bucket) / 1000, this.#max)
    }
    return this.#max
  }
}

function bucketOf(us: number): number {
  if (us < LINEAR) return us < 0 ? 0 : Math.floor(us)
  // Nearly all fit 32 bits, for which this is much faster.
  const octave = (us < 2 ** 32 ? 31 - Math.clz32(us) : Math.floor(Math.log2(us))) - 4
  if (octave >= OCTAVES) return BUCKETS - 1
  return LINEAR * (octave + 1) + (Math.floor(us / 2 ** octave) - LINEAR)
}

function endOf(bucket: number): number {
  if (bucket < LINEAR) return bucket + 1
  const octave = Math.floor(bucket / LINEAR) - 1
  return ((bucket % LINEAR) + LINEAR + 1) * 2 ** octave
}
