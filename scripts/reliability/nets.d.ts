import type { Net } from './page.js'

export const NETS: readonly (Net & { readonly bound: number; readonly needs: readonly string[] })[]
export const COLUMNS: readonly ('cases' | 'executions' | 'operations' | 'tried' | 'killed' | 'faults')[]
export const TITLES: Readonly<Record<string, string>>
export function figure(
  net: Net,
  counts: Readonly<Record<string, number>>,
  column: (typeof COLUMNS)[number],
): number | undefined
export function emptyFigure(
  name: string | undefined,
  counts: Readonly<Record<string, number>>,
  nets?: readonly Net[],
): string | undefined
export function missingPackages(nets: readonly { readonly needs: readonly string[] }[]): string[]
