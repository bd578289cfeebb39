/** The class of the reasons that this library makes: what they look like in text and in logs. */
import { kPlain, plainFields } from './plain.js'
import { inspectAs, kInspect, type Inspect, type InspectOptions } from './printing.js'

/** Not exported: a reason is recognized by its fields, because one that came from another thread has nothing else. */
export class Reason {
  readonly kind: string
  readonly message: string
  readonly at: number

  constructor(kind: string, message: string, at: number) {
    this.kind = kind
    this.message = message
    this.at = at
  }

  /** The message. */
  toString(): string {
    return this.message
  }

  /** For logs: of a chain of parents only the root, and nothing but plain values. Never throws. */
  toJSON(): Record<string, unknown> {
    return plainFields(this)
  }

  /** @internal */
  [kInspect](depth: number, options: InspectOptions, inspect: Inspect): string {
    return inspectAs('Reason', this, depth, options, inspect)
  }

  /** Inside another one: what happened in the first place. @internal */
  [kPlain](): object {
    const { parent } = this as { readonly parent?: unknown }
    return parent instanceof Reason ? rootOf(parent) : this
  }
}

function rootOf(reason: Reason): Reason {
  let root = reason
  for (let above: unknown = reason; above instanceof Reason; above = (above as { readonly parent?: unknown }).parent)
    root = above
  return root
}
