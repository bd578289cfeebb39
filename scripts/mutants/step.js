// One step of testing a mutant: a set of tests that passes without it. On a busy machine a test may also fail by itself, so a
// failure counts only if it comes again.

/** Thrown when the minutes of the run are over: what is being tried stays undecided. */
export class OutOfTime extends Error {}

export class Step {
  #names
  #command
  #contain
  #limit

  /**
   * @param names of the tests, or of their files
   * @param command `(names, all)` returns the command that runs them; `all`: does not stop at the first failure
   * @param contain runs a command within a limit in milliseconds, see sandbox.js
   */
  constructor(names, command, contain) {
    this.#names = names
    this.#command = command
    this.#contain = contain
  }

  /**
   * Runs the tests without a mutant. How long they take sets their limit, and those that fail twice are left out.
   *
   * @returns the names that were left out
   * @throws Error if the step fails, and not because of tests with names
   */
  async measure() {
    const leftOut = []
    let before = new Set()
    for (let attempt = 1; this.#names.length > 0; attempt++) {
      const began = performance.now()
      const { status, output } = await this.#contain(this.#command(this.#names, true), 600_000)
      if (status === 0) {
        this.#limit = 20_000 + 5 * (performance.now() - began)
        break
      }
      const failed = failuresIn(output)
      const again = failed.filter((name) => before.has(name))
      if (attempt >= 2 && again.length === 0 && (failed.length === 0 || attempt >= 5))
        throw new Error(`without a mutant, the tests fail: ${this.#names.join(' ')}\n${output}`)
      leftOut.push(...again)
      this.#names = this.#names.filter((name) => !again.includes(name))
      before = new Set(failed)
    }
    return leftOut
  }

  /** Whether tests fail, in two runs, or hang. */
  async notices() {
    if (this.#names.length === 0) return false
    const first = await this.#run(this.#names)
    if (first.status === 0) return false
    if (first.status === undefined) return true
    const failed = failuresIn(first.output).filter((name) => this.#names.includes(name))
    if (failed.length > 0 && (await this.#run(failed)).status !== 0) return true
    // Perhaps they fail only beside the others.
    return (await this.#run(this.#names)).status !== 0
  }

  #run(names) {
    return this.#contain(this.#command(names, false), this.#limit)
  }
}

/** The files of vitest, or the native tests, that failed. */
export function failuresIn(output) {
  const found = output.matchAll(/^(?: FAIL +(test\/\S+\.test\.ts)|FAILED (\w+)$)/gm)
  return [...new Set(Array.from(found, ([, file, name]) => file ?? name))]
}
