export interface NativeCounts {
  readonly passed: number
  readonly failed: number
  readonly leftOut: number
}

export function nativeCounts(output: string): NativeCounts

export function nativeRuns(output: string): NativeCounts[]
