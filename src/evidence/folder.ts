/** The check of a folder that is given for evidence. */
import { accessSync, constants, lstatSync } from 'node:fs'
import { resolve } from 'node:path'
import { invalidType, invalidValue } from '../base/errors.js'

/** Checks that a folder can be used, and returns its full path. @throws TypeError with Node's codes */
export function checkFolder(path: unknown, name: string): string {
  if (typeof path !== 'string') throw invalidType(name, 'a string', path)
  if (path === '' || path.includes('\0')) throw invalidValue(name, 'a folder', path)
  // Without a slash at the end, which would follow a link.
  const full = resolve(path)
  const stat = lstatSync(full, { throwIfNoEntry: false })
  if (stat === undefined) throw invalidValue(name, 'a folder that exists', path)
  if (stat.isSymbolicLink()) throw invalidValue(name, 'a folder, and not a symbolic link', path)
  if (!stat.isDirectory()) throw invalidValue(name, 'a folder', path)
  try {
    // The files in it are listed to keep the bounds.
    accessSync(full, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    throw invalidValue(name, 'a folder that this process may read and write to', path)
  }
  return full
}
