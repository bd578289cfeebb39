export interface Net {
  readonly name: string
  readonly title: string
  readonly purpose: string
  readonly command: string
  readonly cases?: RegExp
  readonly executions?: RegExp
  readonly operations?: RegExp
  readonly tried?: RegExp
  readonly killed?: RegExp
  readonly faults?: RegExp
}

export interface Run {
  readonly name: string
  readonly command: string
  readonly date: string
  readonly minutes: number
  readonly commit?: string
  readonly machine?: string
  readonly counts: Readonly<Record<string, number>>
  readonly passed: boolean
  readonly why?: string
}

export function reliabilityPage(nets: readonly Net[], runs: readonly Run[]): string
