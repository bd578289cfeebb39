// The empty project in which a runtime of the matrix tries the packed package, and what its programs print.
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const PROGRAMS = ['program.mjs', 'worker.mjs', 'counters.mjs', 'commands.mjs', 'blocked.mjs']

/** Creates a project that contains only the programs that are run in it. */
export function makeProject(folder) {
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{"type":"module","private":true}\n')
  for (const each of PROGRAMS) copyFileSync(join(import.meta.dirname, each), join(folder, each))
}

/**
 * Reads the line of JSON with which a program's output ends.
 *
 * @returns a few words, such as `21 steps`
 * @throws Error if the program failed, or printed no such line
 */
export function readResult(output) {
  const line = output.split('\n').findLast((each) => each.startsWith('{'))
  if (line === undefined) throw new Error('no result')
  const result = JSON.parse(line)
  if (!result.ok) throw new Error(result.failed?.split('\n')[0] ?? 'not as expected')
  return `${result.steps.length} steps`
}
