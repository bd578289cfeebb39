export const PAGES: Readonly<Record<string, () => string>>
export function figures(): string
export function withFigures(page: string, text: string): string
export function writeFigures(): void
