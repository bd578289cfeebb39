/** Random programs of operations with scopes: what each body does and when. `operations.ts` runs them. */
import * as fc from 'fast-check'

export const TOKENS = 2

/** A duration, as its place among all durations of the program. */
type Slot = number

export interface Node {
  readonly timeout: Slot | undefined
  readonly token: number | undefined
  readonly grace: Slot | 'none' | undefined
  readonly ignoresTaskErrors: boolean
  /** Each after a sleep of its own, so that no two bodies do something at the same time. */
  readonly steps: readonly { readonly after: Slot; readonly step: Step }[]
}

export type Step =
  | { readonly do: 'run'; readonly node: Node; readonly catches: boolean }
  | { readonly do: 'task'; readonly node: Node }
  | { readonly do: 'all'; readonly nodes: readonly Node[]; readonly concurrency: number; readonly catches: boolean }
  | { readonly do: 'shield'; readonly time: Slot; readonly max: Slot }
  | { readonly do: 'defer'; readonly time: Slot | undefined; readonly token: number | undefined }
  | { readonly do: 'token'; readonly token: number }
  | { readonly do: 'cancel' }
  | { readonly do: 'fail' }

export interface Program {
  readonly root: Node
  /** When each token is canceled. */
  readonly tokens: readonly (Slot | undefined)[]
}

const slot = fc.nat(1 << 20)
const maybe = <T>(arbitrary: fc.Arbitrary<T>, freq: number = 2): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq })

const { node } = fc.letrec<{ node: Node; step: Step }>((tie) => ({
  node: fc.record({
    timeout: maybe(slot, 1),
    token: maybe(fc.nat(TOKENS - 1), 1),
    grace: fc.oneof(fc.constant(undefined), fc.constant('none' as const), slot),
    ignoresTaskErrors: fc.nat(4).map((each) => each === 4),
    steps: fc.array(fc.record({ after: slot, step: tie('step') }), { maxLength: 6, size: 'max' }),
  }),
  step: fc.oneof(
    { depthSize: 'large', maxDepth: 4 },
    // The first is what is left at the greatest depth.
    { weight: 2, arbitrary: fc.record({ do: fc.constant('shield' as const), time: slot, max: slot }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('run' as const), node: tie('node'), catches: fc.boolean() }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('task' as const), node: tie('node') }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('all' as const),
        nodes: fc.array(tie('node'), { maxLength: 3, size: 'max' }),
        concurrency: fc.integer({ min: 1, max: 3 }),
        catches: fc.boolean(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('defer' as const),
        time: maybe(slot),
        token: maybe(fc.nat(TOKENS - 1), 1),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('token' as const), token: fc.nat(TOKENS - 1) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('fail' as const) }) },
  ),
}))

export const programs: fc.Arbitrary<Program> = fc.record({
  root: node,
  tokens: fc.array(maybe(slot), { minLength: TOKENS, maxLength: TOKENS }),
})

/** Sorted numbers without a pattern, so that hardly any two sums of a few of them are equal. Always the same ones. */
const LENGTHS = Array.from({ length: 512 }, (_, index) => 1 + (Math.imul(index + 1, 0x9e3779b1) >>> 11)).toSorted(
  (a, b) => a - b,
)

/**
 * The duration of each slot in milliseconds: by its rank, so that shrinking keeps them apart. Nothing then depends on which of
 * two things at the same time comes first. The unit is longer than the default grace period.
 */
export class Durations {
  readonly #all: { readonly owner: object; readonly key: string; readonly slot: Slot }[] = []

  constructor(program: Program) {
    program.tokens.forEach((each, index) => this.#add(program, `token ${index}`, each))
    this.#node(program.root)
    this.#all.sort((a, b) => a.slot - b.slot)
  }

  #add(owner: object, key: string, given: Slot | string | undefined): void {
    if (typeof given === 'number') this.#all.push({ owner, key, slot: given })
  }

  #node(each: Node): void {
    this.#add(each, 'timeout', each.timeout)
    this.#add(each, 'grace', each.grace)
    for (const { step, ...delayed } of each.steps) {
      this.#add(step, 'after', delayed.after)
      if ('time' in step) this.#add(step, 'time', step.time)
      if ('max' in step) this.#add(step, 'max', step.max)
      if ('node' in step) this.#node(step.node)
      if ('nodes' in step) step.nodes.forEach((inner) => this.#node(inner))
    }
  }

  get(owner: object, key: string): number {
    const rank = this.#all.findIndex((each) => each.owner === owner && each.key === key)
    return 1024 * LENGTHS[Math.floor(((rank + 0.5) / this.#all.length) * LENGTHS.length)]!
  }
}
