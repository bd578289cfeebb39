/**
 * Runs random programs against a model, for a moment in `npm test` and for minutes in `npm run test:model`. Prints the seed, and
 * for a failure the shrunk program and the command that replays it.
 */
import { writeFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'

const { TRIPLINE_MODEL_SECONDS, TRIPLINE_MODEL_SEED, TRIPLINE_MODEL_PATH, TRIPLINE_MODEL_REPORT } = process.env

/** What a model says of itself. */
export interface Model<Program> {
  readonly programs: fc.Arbitrary<Program>
  /** Programs that failed once, which are run first. */
  readonly known?: readonly Program[]
  /** How many programs `npm test` runs. */
  readonly runs: number
  /** Runs one program, compares each step with the model, and returns the number of steps. @throws if they differ */
  readonly run: (program: Program) => number | Promise<number>
}

/** A test of a model. */
export function model<Program>(name: string, { programs, known = [], runs, run }: Model<Program>): void {
  const seconds = TRIPLINE_MODEL_SECONDS === undefined ? undefined : Number(TRIPLINE_MODEL_SECONDS)
  it(
    name,
    async () => {
      const seed = TRIPLINE_MODEL_SEED === undefined ? Date.now() % 2 ** 31 : Number(TRIPLINE_MODEL_SEED)
      const begin = performance.now()
      let count = 0
      let steps = 0
      const counted = async (program: Program): Promise<void> => {
        count++
        steps += await run(program)
      }
      const details = await fc.check(fc.asyncProperty(programs, counted), {
        seed,
        examples: known.map((each): [Program] => [each]),
        numRuns: seconds === undefined ? runs : 2 ** 31 - 1,
        ...(TRIPLINE_MODEL_PATH !== undefined && { path: TRIPLINE_MODEL_PATH, endOnFailure: true }),
        ...(seconds !== undefined && { interruptAfterTimeLimit: seconds * 1e3, markInterruptAsFailure: false }),
      })
      const minutes = (performance.now() - begin) / 60e3
      console.log(`model '${name}': ${count} programs, ${steps} steps, seed ${seed}`)
      if (TRIPLINE_MODEL_REPORT !== undefined) {
        writeFileSync(TRIPLINE_MODEL_REPORT, `${JSON.stringify({ name, programs: count, steps, minutes, seed })}\n`, {
          flag: 'a',
        })
      }
      if (details.failed) throw new Error(describe(name, details), { cause: details.errorInstance })
      expect(count).toBeGreaterThan(0)
    },
    seconds === undefined ? undefined : (seconds + 120) * 1e3,
  )
}

function describe<Program>(name: string, details: fc.RunDetails<[Program]>): string {
  const { seed, counterexamplePath, counterexample, errorInstance } = details
  const why = errorInstance instanceof Error ? errorInstance.message : String(errorInstance)
  return [
    `the model '${name}' and the library differ: ${why}`,
    `shrunk program: ${fc.stringify(counterexample?.[0])}`,
    `replay: npm run test:model -- --seed ${seed} --path ${counterexamplePath ?? '0'} '${name}'`,
  ].join('\n')
}
