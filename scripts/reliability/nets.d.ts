import type { Net } from './page.js'

export const NETS: readonly (Net & { readonly bound: number; readonly needs: readonly string[] })[]
export function missingPackages(nets: readonly { readonly needs: readonly string[] }[]): string[]
