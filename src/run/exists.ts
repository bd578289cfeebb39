/** Whether a file exists whose name may contain bytes that are not UTF-8. */
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
