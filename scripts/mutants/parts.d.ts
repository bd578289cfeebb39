export interface Part {
  files: RegExp
  native?: RegExp
  first?: RegExp
  quick?: RegExp
  built?: RegExp
  slow?: RegExp
}
export const CORE: string[]
export const PARTS: Part[]
export function testFiles(pattern: RegExp | undefined, slow?: boolean): string[]
export function partOf(file: string): Part
