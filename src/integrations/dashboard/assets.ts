/** The files of the page, which the build puts into `dist/dashboard`. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { invalidState } from '../../base/errors.js'
import { packageRoot } from '../../base/package.js'

const TYPES = {
  '': 'text/html; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'uPlot.iife.min.js': 'text/javascript; charset=utf-8',
  'uPlot.min.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml; charset=utf-8',
} as const

/** A file of the page. */
export interface Asset {
  readonly type: string
  readonly content: Buffer
}

/**
 * All files by the last part of their paths; the page itself has none.
 *
 * @throws Error `ERR_INVALID_STATE` if they are missing, because this code was copied out of the package
 */
export function loadAssets(): ReadonlyMap<string, Asset> {
  try {
    const folder = join(packageRoot(), 'dist', 'dashboard')
    return new Map(
      Object.entries(TYPES).map(([name, type]) => {
        return [name, { type, content: readFileSync(join(folder, name === '' ? 'index.html' : name)) }]
      }),
    )
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw Object.assign(
      invalidState(`The page needs the folder dist/dashboard of the package tripline, which cannot be read: ${why}`),
      { cause: error },
    )
  }
}
