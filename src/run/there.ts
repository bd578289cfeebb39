import { accessSync, constants } from 'node:fs'

export function isThere(file: string): boolean {
  try {
    accessSync(file, constants.F_OK)
    return true
  } catch {
    return false
  }
}
