/** Several copies of the package in one process, as dependencies or test runners load them. */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ROOT, runModule } from '../helpers/child.js'

const BUNDLE = JSON.stringify(join(ROOT, 'dist/index.cjs'))

// The folder in which the copy finds its dependencies.
mkdirSync(join(ROOT, '.cache'), { recursive: true })
const folder = mkdtempSync(join(ROOT, '.cache/copy-'))
afterAll(() => rmSync(folder, { recursive: true }))

function makeCopy(): string {
  for (const each of ['dist', 'package.json', 'build/Release/tripline.node']) {
    cpSync(join(ROOT, each), join(folder, each), { recursive: true })
  }
  return JSON.stringify(join(folder, 'dist/index.js'))
}

/** Runs a program that prints `seen` at its end, with a second copy as `other`, and returns its output. */
async function withCopy(program: string): Promise<unknown> {
  const { stdout, stderr } = await runModule(`
    const other = await import(${makeCopy()})
    const alive = setInterval(() => {}, 1000)
    const seen = []
    ${program}
    console.log(JSON.stringify(seen))
    process.exit()`)
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

describe('two copies of the package', () => {
  it('work beside each other, and know each other’s errors, reasons and signals', async () => {
    const seen = await withCopy(`
      const limits = { 'memory.available': { below: '1000TB' } }
      const guards = [tripline.guard(limits), other.guard(limits)]
      seen.push(guards.map((each) => each.state))
      const error = await tripline.Cancelable.run((cancel) => cancel.sleep(60_000), { timeout: 1 }).catch((e) => e)
      seen.push([other.CancelationError.is(error), error instanceof other.CancelationError])
      const passedOn = new other.Cancelable()
      await passedOn.run(() => Promise.reject(error)).catch((e) => e)
      seen.push([passedOn.context.status, passedOn.reason.kind])
      const canceled = new other.Cancelable()
      canceled.cancel(error)
      seen.push(canceled.reason.kind)
      const token = new tripline.CancelationToken()
      const ended = other.Cancelable.run((cancel) => cancel.sleep(60_000), { abortSignal: token.signal })
      token.cancel('enough')
      seen.push((await ended.catch((e) => e)).reason.kind)`)
    expect(seen).toEqual([['breached', 'breached'], [true, false], ['canceled', 'timeout'], 'timeout', 'abort'])
  })

  it('end no code: what the other copy was doing would stay half done', async () => {
    const seen = await withCopy(`
      let calls = 0
      const attempt = (from) =>
        from.Cancelable.run((cancel) => cancel.preemptible(() => ++calls), { timeout: '1m' }).catch((error) => error.code)
      seen.push(await attempt(tripline), await attempt(other), calls)
      const { available, why } = tripline.preemption()
      seen.push(available, why)`)
    const refused = 'ERR_TRIPLINE_PREEMPTION_UNAVAILABLE'
    const why = expect.stringContaining(`another copy of tripline is loaded, from ${folder}`) as string
    expect(seen).toEqual([refused, refused, 0, false, why])
  })

  it('that is loaded later ends this as well', async () => {
    const { stdout, stderr } = await runModule(`
      const call = () => tripline.Cancelable.run((cancel) => cancel.preemptible(() => 'done')).catch((error) => error.code)
      const seen = [await call()]
      await import(${makeCopy()})
      console.log(JSON.stringify([...seen, await call()]))`)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual(['done', 'ERR_TRIPLINE_PREEMPTION_UNAVAILABLE'])
  })

  it('share objects that only need a public interface: sources, streams, shared tokens', async () => {
    const seen = await withCopy(`
      const never = () => new Promise(() => {})
      const kindOf = (run) => run.catch((error) => error.reason.kind)
      const { TimeoutSource, TokenSource, anyOf, allOf } = other
      const token = new other.CancelationToken()
      const sources = [new TimeoutSource(1), anyOf(new TimeoutSource(1)), allOf(new TimeoutSource(1)), new TokenSource(token)]
      setTimeout(() => token.cancel(), 5)
      for (const each of sources) seen.push(await kindOf(tripline.Cancelable.run(never, { sources: [each] })))
      seen.push(await kindOf(tripline.Cancelable.run(never, { sources: [tripline.allOf(...sources.slice(0, 3))] })))
      seen.push(await kindOf(tripline.Cancelable.combine([new TimeoutSource(1)]).run(never)))
      const shared = tripline.CancelationToken.from(new other.CancelationToken().share())
      seen.push(shared.isCanceled)
      const outer = new other.Cancelable().enter()
      const items = []
      for await (const item of new tripline.Cancelable().enter().stream(outer.stream([1, 2]))) items.push(item)
      seen.push(items)`)
    expect(seen).toEqual(['timeout', 'timeout', 'all', 'manual', 'all', 'timeout', false, [1, 2]])
  })

  it('refuse objects that they cannot share, wherever they are given', async () => {
    const seen = await withCopy(`
      const { Cancelable, CancelationToken, TokenSource, ResourceSource, anyOf, allOf, every, guard, run } = tripline
      const limits = { 'memory.available': { below: '1B' } }
      const theirs = {
        operation: new other.Cancelable(),
        token: new other.CancelationToken(),
        linked: other.CancelationToken.any(new other.CancelationToken()),
        derived: new (class Job extends other.Cancelable {})(),
        guard: other.guard(limits),
      }
      const body = () => 1
      const token = { token: theirs.token }
      const parent = { parent: theirs.operation }
      const own = new Cancelable()
      const attempts = {
        'parent of an operation': () => new Cancelable(parent),
        'parent, of a subclass': () => new Cancelable({ parent: theirs.derived }),
        'token of an operation': () => new Cancelable(token),
        'token, linked': () => new Cancelable({ token: theirs.linked }),
        'token among several': () => new Cancelable({ token: [new CancelationToken(), theirs.token] }),
        'token of a shorthand': () => Cancelable.withToken(theirs.token),
        'token of a function': () => tripline.cancelable(token, body),
        'token of a stream': () => tripline.cancelableStream([], token),
        'token of a child': () => own.child(token),
        'token of a source': () => new TokenSource(theirs.token),
        'token of a token': () => CancelationToken.any(new CancelationToken(), theirs.token),
        'token as a shared one': () => CancelationToken.from(theirs.token),
        'token as a source': () => own.addSource(theirs.token),
        'token as a signal': () => new Cancelable({ abortSignal: theirs.token }),
        'operation among sources': () => new Cancelable({ sources: [theirs.operation] }),
        'operation as a part': () => Cancelable.combine([theirs.operation]),
        'operation as a further part': () => own.combine(theirs.operation),
        'token as a part': () => Cancelable.combine([theirs.token]),
        'guard as a part': () => Cancelable.combine([theirs.guard]),
        'token in anyOf': () => anyOf(theirs.token),
        'operation in allOf': () => allOf(theirs.operation),
        'guard in anyOf': () => anyOf(theirs.guard),
        'guard of an operation': () => new Cancelable({ resources: theirs.guard }),
        'guard of a shorthand': () => Cancelable.withResources(theirs.guard),
        'guard of a source': () => new ResourceSource(theirs.guard),
        'guard as limits': () => guard(theirs.guard),
        'guard of a ticker': () => every(1, body, { guard: theirs.guard }),
        'guard that ends a ticker': () => every(1, body, { guard: theirs.guard, whileBreached: 'cancel' }),
        'token of a ticker': () => every(1, body, token),
        'parent of a ticker': () => every(1, body, parent),
        'token of a command': () => run('true', [], token),
        'parent of a command': () => run('true', [], parent),
      }
      for (const [name, attempt] of Object.entries(attempts)) {
        try {
          await attempt()
          seen.push([name, 'accepted'])
        } catch ({ code, message }) {
          seen.push([name, code, message])
        }
      }`)
    const all = seen as [string, string, string][]
    expect(all).toHaveLength(32)
    expect(all.filter(([, code]) => code !== 'ERR_INVALID_ARG_TYPE')).toEqual([])
    const unclear = all.filter(
      ([, , message]) => !message.includes('of this copy of tripline (another one is loaded too)'),
    )
    // These are refused, whichever copy they come from.
    expect(unclear.map(([name]) => name)).toEqual(['token as a shared one', 'token as a signal', 'guard as limits'])
    expect(Object.fromEntries(all.map(([name, , message]) => [name, message]))).toMatchObject({
      'parent of an operation':
        'The "parent" option must be a Cancelable of this copy of tripline (another one is loaded too). Received an instance of Cancelable',
      'token as a signal':
        'The "abortSignal" option must be an AbortSignal, which it has as its `signal`. Received an instance of CancelationToken',
      'guard as limits': 'The "limits" option must be an object of limits by metric. Received an instance of Guard',
    })
  })
})

/** Checks that everything that depends on events of the addon works, for `other` as well as for the first copy. */
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

  it('works when it is loaded again, and so does the earlier copy', async () => {
    const { stdout, stderr } = await runModule(
      `import { createRequire } from 'node:module'
       const require = createRequire(import.meta.url)
       for (const file of Object.keys(require.cache)) if (file.endsWith('.cjs')) delete require.cache[file]
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

  it('is collected with its vm context, even with a guard that was left open', async () => {
    const helper = JSON.stringify(new URL('../helpers/in-context.mjs', import.meta.url).href)
    const { stdout, stderr } = await runModule(
      `import { AsyncLocalStorage } from 'node:async_hooks'
       import { loadInContext } from ${helper}
       const stores = new AsyncLocalStorage()
       function leaveOpen() {
         const other = loadInContext(${BUNDLE})
         // Test runners keep one for each test as well.
         stores.run({ other }, () => other.guard({ 'memory.available': { below: '1000TB' } })).on('breach', () => {})
         return new WeakRef(other)
       }
       // The first context leaves some memory in an async context, which is not freed.
       const dropped = [leaveOpen(), leaveOpen(), leaveOpen(), leaveOpen()].slice(1)
       const isLeft = () => dropped.some((each) => each.deref() !== undefined)
       for (let rounds = 0; rounds < 100 && isLeft(); rounds++) {
         await new Promise((resolve) => setTimeout(resolve, 10))
         globalThis.gc()
       }
       console.log(isLeft())`,
      { flags: ['--expose-gc'] },
    )
    expect(stderr).toBe('')
    expect(stdout).toBe('false\n')
  })
})
