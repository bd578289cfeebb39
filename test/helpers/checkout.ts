/** The files of the checkout, for tests that read all of them. */
import { execFileSync } from 'node:child_process'
import { ROOT } from './child.js'

/** The paths of all files that are in git, or would be with the next commit, below the root. */
export function filesOfCheckout(): string[] {
  const list = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' })
  return list.split('\n').filter((file) => file !== '')
}
