/** The functions of generate-metrics.js that the tests use. */
export interface TableRow {
  readonly name: string
  readonly family: string
  readonly scope: string
  readonly systems: readonly string[]
}
export function read(path: string): string
export function parseTable(text: string): TableRow[]
export function toTypeScript(metrics: readonly TableRow[]): string
export function toDocs(metrics: readonly TableRow[], page: string): string
