/** What the tests use of targets.js. */
export const targets: readonly { readonly name: string; readonly file: string }[]
