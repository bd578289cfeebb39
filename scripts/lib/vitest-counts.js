// Counts the tests of a run of vitest, by its JSON reporter.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/**
 * Makes a report that vitest writes beside its usual output.
 *
 * @returns `args` to add to vitest's, and `take()`, which returns the counts and removes the report; none if vitest has not
 *   come to its end
 */
export function vitestReport() {
  const folder = mkdtempSync(path.join(tmpdir(), 'tripline-tests-'))
  const file = path.join(folder, 'report.json')
  return {
    args: ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`],
    take() {
      try {
        return countsOf(JSON.parse(readFileSync(file, 'utf8')))
      } catch {
        return {}
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
  }
}

function countsOf({ numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults }) {
  const leftOut = numPendingTests + numTodoTests
  return {
    'tests passed': numPassedTests,
    'tests failed': numFailedTests,
    ...(leftOut > 0 && { 'tests left out': leftOut }),
    files: testResults.length,
  }
}
