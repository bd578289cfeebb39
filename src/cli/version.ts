/** The version of the package. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../base/package.js'

export function version(): string {
  const { version: text } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as {
    version: string
  }
  return text
}
