/** The function of render.js that the tests use. */
export function slugOf(heading: string): string
