/** The package more than once in one process, as dependencies of a program or test runners bring it. */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ROOT, runModule } from '../helpers/child.js'

const BUNDLE = JSON.stringify(join(ROOT, 'dist/index.cjs'))

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
      const seen = [guards.map((each) => each.state)]
      const error = await tripline.Cancelable.run((cancel) => cancel.sleep(60_000), { timeout: 1 }).catch((e) => e)
      seen.push([other.CancelationError.is(error), error instanceof other.CancelationError])
      const token = new tripline.CancelationToken()
      const ended = other.Cancelable.run((cancel) => cancel.sleep(60_000), { abortSignal: token.signal })
      token.cancel('enough')
      seen.push((await ended.catch((e) => e)).reason.kind)
      const attempts = [
        () => other.Cancelable.run(() => 1, { token }),
        () => other.Cancelable.run(() => 1, { resources: guards[0] }),
        () => other.every({ hz: 1 }, () => 1, { guard: guards[0] }),
      ]
      for (const attempt of attempts) {
        try { attempt() } catch (error) { seen.push([error.code, error.message]) }
      }
      console.log(JSON.stringify(seen))
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

/** That all which needs the addon's news gets them, for `other` as for the first. */
const BOTH = `
  const alive = setInterval(() => {}, 1000)
  const resources = { 'memory.available': { below: '1000TB' } }
  const seen = []
  for (const each of [tripline, other, tripline]) {
    const guard = each.guard(resources)
    await new Promise((resolve) => guard.on('breach', resolve))
    const error = await each.Cancelable.run((cancel) => cancel.sleep(60_000), { resources }).catch((error) => error)
    const sampled = await each.sample('memory.available')
    const ticked = await new Promise((resolve) => {
      const ticker = each.every({ hz: 100 }, () => resolve(ticker))
    })
    await ticked.close()
    guard.close()
    seen.push([error.name, sampled.get('memory.available').value > 0, (await each.run('true')).code])
  }
  clearInterval(alive)
  console.log(JSON.stringify(seen))`

const ALL_WELL = Array.from({ length: 3 }, () => ['ResourceCancelation', true, 0])

describe('one copy of the package', () => {
  it('is the same for import and require', async () => {
    const { stdout, stderr } = await runModule(`
      import { createRequire } from 'node:module'
      import * as imported from '${ROOT}/dist/index.js'
      const required = createRequire(import.meta.url)('${ROOT}')
      const names = Object.keys(required)
      console.log(JSON.stringify([
        names.length > 30 && names.every((name) => imported[name] === required[name]),
        Object.keys(imported).toSorted().join() === names.toSorted().join(),
      ]))`)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual([true, true])
  })

  it('works when it is loaded anew, and so does the one before', async () => {
    const { stdout, stderr } = await runModule(
      `import { createRequire } from 'node:module'
       const require = createRequire(import.meta.url)
       delete require.cache[${BUNDLE}]
       const other = require(${BUNDLE})${BOTH}`,
    )
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual(ALL_WELL)
  })

  it('works in a vm context, where Node may have no Symbol.dispose', async () => {
    const helper = JSON.stringify(new URL('../helpers/in-context.mjs', import.meta.url).href)
    const { stdout, stderr } = await runModule(
      `import { loadInContext } from ${helper}
       const other = loadInContext(${BUNDLE})${BOTH}`,
    )
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual(ALL_WELL)
  })
})
