/** Whether a descriptor is a terminal, and whether colors are wanted there. */
import { fstatSync, statSync, type Stats } from 'node:fs'
import { loadBuiltin } from '../base/builtin.js'

/** The same as `isatty` of `node:tty`, which takes 1.8 MB to load, so that it is asked only about devices. */
export function isTerminal(fd: number): boolean {
  return mayBeTerminal(fd) && loadBuiltin('node:tty').isatty(fd)
}

function mayBeTerminal(fd: number): boolean {
  if (process.platform === 'win32') return true
  let stats: Stats
  try {
    stats = fstatSync(fd)
  } catch {
    return false
  }
  return stats.isCharacterDevice() && stats.rdev !== nullDevice()
}

function nullDevice(): number | undefined {
  try {
    return statSync('/dev/null').rdev
  } catch {
    return undefined
  }
}

/** Whether output may have colors. https://no-color.org: any value that is not empty turns them off. */
export function wantsColor(): boolean {
  return (process.env['NO_COLOR'] ?? '') === ''
}
