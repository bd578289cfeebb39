// Collects the readings from the sensor's pipe since the last call of mean().
const SIZE = 8

export class Readings {
  #sum = 0
  #count = 0
  #rest = Buffer.alloc(0)

  constructor(pipe) {
    pipe.on('data', (chunk) => this.#take(chunk))
  }

  // A reading may arrive in two chunks.
  #take(chunk) {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    for (; at + SIZE <= bytes.length; at += SIZE) {
      this.#sum += bytes.readDoubleLE(at)
      this.#count++
    }
    this.#rest = bytes.subarray(at)
  }

  /** The mean of all readings since the last call; undefined without readings. */
  mean() {
    if (this.#count === 0) return undefined
    const mean = this.#sum / this.#count
    this.#sum = 0
    this.#count = 0
    return mean
  }
}
