import type { Site } from './ts.js'

export function knownMutants(): (Site & { file: string })[]
export function equivalents(): { file: string; before: string; after: string[]; why: string }[]
