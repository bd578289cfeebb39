/** Finds the root folder of this package from the file that is running. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { BUNDLED } from './errors.js'
import { codeFile } from './loaded-copies.js'

const NAME = 'tripline'

/** @throws Error if this code was copied out of the package */
export function packageRoot(): string {
  const here = codeFile()
  const root = here === undefined ? undefined : nearestPackage(dirname(here))
  if (root === undefined || nameOf(root) !== NAME) {
    const why = `its code is part of a bundle; make "${NAME}" an external package of that (esbuild and Bun: --external, webpack: externals, Rollup: external, ncc: -e, Next: serverExternalPackages), or name the binary by TRIPLINE_ADDON`
    throw Object.assign(new Error(why), { code: BUNDLED })
  }
  return root
}

/** The version of the package. @throws Error if this code was copied out of it */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }
  return version
}

/** The folder in which all code of this package is; undefined if it was copied out of the package. */
export function ownCodeFolder(): string | undefined {
  try {
    const root = packageRoot()
    // `dist` in a package, `src` in a checkout.
    const [folder] = relative(root, codeFile()!).split(sep)
    return join(root, folder!)
  } catch {
    return undefined
  }
}

/** The nearest folder with a package.json that has a name, from here upwards: one without only says how to load files. */
function nearestPackage(folder: string): string | undefined {
  if (existsSync(join(folder, 'package.json')) && nameOf(folder) !== undefined) return folder
  const above = dirname(folder)
  return above === folder ? undefined : nearestPackage(above)
}

function nameOf(folder: string): unknown {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: unknown }).name
}
