/** A result of a command; `status` is undefined if it reached its limit. */
export interface Result {
  readonly status: number | undefined
  readonly output: string
}
export class Step {
  constructor(
    names: readonly string[],
    command: (names: readonly string[], all: boolean) => string[],
    contain: (command: string[], limit: number) => Promise<Result>,
  )
  measure(): Promise<string[]>
  notices(): Promise<boolean>
}
