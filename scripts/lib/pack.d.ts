export function pack(folder: string, options?: { ownBuild?: boolean }): string
