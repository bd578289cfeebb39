/** Whether a file exists, by its original bytes. */
import { accessSync, constants } from 'node:fs'
import { toBytes } from './bytes.js'

export function exists(file: string): boolean {
  try {
    accessSync(process.platform === 'win32' ? file : toBytes(file), constants.F_OK)
    return true
  } catch {
    return false
  }
}
