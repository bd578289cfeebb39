import type { Site } from './ts.js'

export function sites(text: string): Site[]
export function tokens(text: string): { kind: string; text: string; start: number; end: number }[]
