export function figures(): string
export function withFigures(text: string): string
export function writeFigures(): void
