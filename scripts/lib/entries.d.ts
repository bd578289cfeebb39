/** What the tests use of entries.js. */
export const ENTRIES: Readonly<Record<string, { readonly subpath: string; readonly module: string }>>
