/** Two copies of the package in one process, as two dependencies of a program may bring them. */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ROOT, runModule } from '../helpers/child.js'

// Where it finds what it depends on.
mkdirSync(join(ROOT, '.cache'), { recursive: true })
const folder = mkdtempSync(join(ROOT, '.cache/copy-'))
afterAll(() => rmSync(folder, { recursive: true }))

function makeCopy(): string {
  for (const each of ['dist', 'package.json', 'build/Release/tripline.node']) {
    cpSync(join(ROOT, each), join(folder, each), { recursive: true })
  }
  return JSON.stringify(join(folder, 'dist/index.js'))
}

describe('two copies of the package', () => {
  it('work beside each other, know each other’s errors, and say what they cannot share', async () => {
    const { stdout, stderr } = await runModule(`
      const other = await import(${makeCopy()})
      const limits = { 'memory.available': { below: '1000TB' } }
      const guards = [tripline.guard(limits), other.guard(limits)]
      const told = [guards.map((each) => each.state)]
      const error = await tripline.Cancelable.run((cancel) => cancel.sleep(60_000), { timeout: 1 }).catch((e) => e)
      told.push([other.CancelationError.is(error), error instanceof other.CancelationError])
      const token = new tripline.CancelationToken()
      const heard = other.Cancelable.run((cancel) => cancel.sleep(60_000), { abortSignal: token.signal })
      token.cancel('enough')
      told.push((await heard.catch((e) => e)).reason.kind)
      const attempts = [
        () => other.Cancelable.run(() => 1, { token }),
        () => other.Cancelable.run(() => 1, { resources: guards[0] }),
        () => other.every({ hz: 1 }, () => 1, { guard: guards[0] }),
      ]
      for (const attempt of attempts) {
        try { attempt() } catch (error) { told.push([error.code, error.message]) }
      }
      console.log(JSON.stringify(told))
      process.exit()`)
    expect(stderr).toBe('')
    const copy = 'of this copy of tripline (another one is loaded too)'
    const wrong = 'ERR_INVALID_ARG_TYPE'
    expect(JSON.parse(stdout)).toEqual([
      ['breached', 'breached'],
      [true, false],
      'abort',
      [wrong, `The "token" option must be a CancelationToken ${copy}. Received an instance of CancelationToken`],
      [wrong, `The "resources" option must be limits, or a guard ${copy}. Received an instance of Guard`],
      [wrong, `The "guard" option must be limits, or a guard ${copy}. Received an instance of Guard`],
    ])
  })
})
