/** `scripts/test-native.js` with the name of no test: it fails, and says so. */
import { expect, it } from 'vitest'
import { ROOT, runCommand } from '../helpers/child.js'

it('a name that matches no native test is an error', { timeout: 600_000 }, async () => {
  const args = ['scripts/test-native.js', 'NoTestHasThisName']
  const { code, stdout, stderr } = await runCommand(process.execPath, args, { cwd: ROOT, limit: 600_000 })
  expect({ code, stdout, stderr }).toEqual({
    code: 1,
    stdout: '',
    stderr: "no native test matches 'NoTestHasThisName'\n",
  })
})
