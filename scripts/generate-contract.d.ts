/** What the tests use of generate-contract.js. */
export function agreement(native?: string, board?: string): string
export function contractFiles(): Record<string, string>
