/** What the tests use of render.js. */
export function slugOf(heading: string): string
