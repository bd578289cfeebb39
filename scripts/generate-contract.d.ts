/** The functions of generate-contract.js that the tests use. */
export function agreement(native?: string, board?: string): string
export function contractFiles(): Record<string, string>
