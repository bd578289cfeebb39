/** What the tests use of generate-api.js. */
export function generate(entries?: Readonly<Record<string, string>>): Map<string, string>
export function differences(pages: ReadonlyMap<string, string>): string[]
