export const CORE: string[]
export function partOf(file: string): { files: RegExp; native?: RegExp; quick?: RegExp; built?: RegExp }
