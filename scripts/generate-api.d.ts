/** The functions of generate-api.js that the tests use. */
export function generate(entries?: Readonly<Record<string, string>>): Map<string, string>
export function differences(pages: ReadonlyMap<string, string>): string[]
