/** Where this package lies, wherever in it the running file is. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BUNDLED } from './errors.js'

const NAME = 'tripline'

/** @throws Error where this code was taken out of the package */
export function packageRoot(): string {
  // In some bundles there is no URL.
  const here = (import.meta as { url?: string }).url
  const root = here === undefined ? undefined : nearestPackage(dirname(fileURLToPath(here)))
  if (root === undefined || nameOf(root) !== NAME) {
    const why = `its code is part of a bundle; make "${NAME}" an external package of that`
    throw Object.assign(new Error(why), { code: BUNDLED })
  }
  return root
}

/** The nearest folder from here up with a package.json. */
function nearestPackage(folder: string): string | undefined {
  if (existsSync(join(folder, 'package.json'))) return folder
  const above = dirname(folder)
  return above === folder ? undefined : nearestPackage(above)
}

function nameOf(folder: string): unknown {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: unknown }).name
}
