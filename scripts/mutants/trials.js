// Tests mutants one at a time in a copy of the checkout: builds each, and runs the tests of its part.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../lib/cxx.js'
import { copyCheckout } from './checkout.js'
import { read } from './lists.js'
import { DoesNotCompile, nativeBuilds, testsIn } from './native.js'
import { partOf, testFiles } from './parts.js'
import { contain } from './sandbox.js'
import { OutOfTime, Step } from './step.js'

/** A copy of the checkout, in which mutants are tested one after the other. */
export class Trials {
  #folder
  #native
  #steps = new Map()
  #end
  #quick
  #env
  /** Tests that fail without a mutant. */
  leftOut = []

  /**
   * @param end when a mutant that is being tried is left undecided, by `Date.now()`
   * @param quick whether mutants of native files only have the native unit tests
   */
  async open(end, quick) {
    this.#end = end
    this.#quick = quick
    this.#folder = copyCheckout()
    this.#native = await nativeBuilds(this.#folder)
    const { TRIPLINE_TESTS: _, ...env } = process.env
    this.#env = { ...env, NO_COLOR: '1', CI: '1' }
  }

  /** The name of the step that notices the mutant; undefined if it survives. @throws DoesNotCompile, OutOfTime */
  async test(mutant) {
    const { file, start, end, replacement } = mutant
    const text = read(file)
    const changed = text.slice(0, start) + replacement + text.slice(end)
    return file.startsWith('src/') ? this.#testScript(file, text, changed) : this.#testNative(file, changed)
  }

  async #testNative(file, changed) {
    const part = partOf(file)
    const programs = file.startsWith('native/node/') ? [] : await this.#native.programsOf(file, part.native)
    for (const { kind, sources } of programs) {
      const program = path.join(this.#folder, '.cache/mutants', kind, 'program')
      const names = sources.flatMap((source) => testsIn(readFileSync(path.join(this.#folder, source), 'utf8')))
      const step = await this.#step(
        `${kind} of ${file}`,
        names,
        (wanted) => [program, ...wanted],
        () => this.#native.build(kind, program),
      )
      await this.#native.build(kind, program, file, changed)
      if (await step.notices()) return 'native tests'
    }
    if (this.#quick) return undefined
    const addon = path.join(this.#folder, 'build/Release/tripline.node')
    const rebuild = () => this.#native.build('addon', addon)
    for (const slow of [false, true]) {
      const files = slow ? testFiles(part.slow, true) : [...testFiles(part.quick), ...testFiles(part.built)]
      if (files.length === 0) continue
      const step = await this.#vitest(files, ['--maxWorkers=3'], rebuild, slow)
      await this.#native.build('addon', addon, file, changed)
      if (await step.notices()) return slow ? 'slow vitest' : 'vitest'
    }
    return undefined
  }

  async #testScript(file, text, changed) {
    const part = partOf(file)
    const copy = path.join(this.#folder, file)
    const tsc = [path.join(root, 'node_modules/.bin/tsc'), '-p', 'tsconfig.build.json', '--noEmit']
    const incremental = ['--incremental', '--tsBuildInfoFile', '.cache/mutants/types']
    const quick = testFiles(part.quick)
    const last = [
      { names: testFiles(part.built), slow: false },
      { names: testFiles(part.slow, true), slow: true },
    ].filter(({ names }) => names.length > 0)
    // Those that are named after the file, or test all of the part, notice most.
    const own = path.basename(file, '.ts')
    const isFirst = (name) => name.includes(`/${own}.`) || part.first?.test(name.slice(5, -8))
    // Without isolation a file starts at once; the sources are loaded as they are.
    const shared = ['--no-isolate', '--maxWorkers=2']
    const steps = [quick.filter(isFirst), quick.filter((name) => !isFirst(name))]
    try {
      writeFileSync(copy, changed)
      const types = await this.#contain([...tsc, ...incremental], 600_000)
      if (types.status !== 0) throw new DoesNotCompile(types.output)
      for (const names of steps) {
        const step = await this.#vitest(names, shared, async () => writeFileSync(copy, text))
        writeFileSync(copy, changed)
        if (await step.notices()) return 'vitest'
      }
      const restore = async () => {
        writeFileSync(copy, text)
        await this.#bundle()
      }
      for (const { names, slow } of last) {
        const step = await this.#vitest(names, ['--maxWorkers=3'], restore, slow)
        writeFileSync(copy, changed)
        await this.#bundle()
        if (await step.notices()) return slow ? 'slow vitest' : 'vitest over the package'
      }
      return undefined
    } finally {
      writeFileSync(copy, text)
    }
  }

  async #bundle() {
    const { status, output } = await this.#contain([process.execPath, 'scripts/build-ts.js'], 600_000)
    if (status !== 0) throw new DoesNotCompile(output)
  }

  #vitest(files, workers, prepare, slow = false) {
    const vitest = path.join(root, 'node_modules/vitest/vitest.mjs')
    // All modules but the one with the mutant stay the same.
    const cache = ['--experimental.fsModuleCache', '--experimental.fsModuleCachePath=.cache/mutants/modules']
    const kind = slow ? ['env', 'TRIPLINE_TESTS=slow'] : []
    const command = (names, all) => {
      const bail = all ? [] : ['--bail=1']
      return [...kind, process.execPath, vitest, 'run', '--reporter=dot', ...cache, ...bail, ...workers, ...names]
    }
    return this.#step(`vitest ${files.join(' ')}`, files, command, prepare)
  }

  /** A step, measured on first use, before which `prepare` builds what it runs without a mutant. */
  async #step(key, names, command, prepare) {
    let step = this.#steps.get(key)
    if (step !== undefined) return step
    step = new Step(names, command, (line, limit) => this.#contain(line, limit))
    await prepare?.()
    for (const name of await step.measure()) {
      this.leftOut.push(name)
      console.log(`left out, because it fails without a mutant: ${name}`)
    }
    this.#steps.set(key, step)
    return step
  }

  /** @throws OutOfTime at the end of the run */
  async #contain(command, limit) {
    const left = this.#end - Date.now()
    if (left <= 0) throw new OutOfTime()
    // The runtime bounds its own heap.
    const bounded = command[0].endsWith('/program')
    const result = await contain(command, { cwd: this.#folder, env: this.#env, limit: Math.min(limit, left), bounded })
    if (result.status === undefined && left < limit) throw new OutOfTime()
    return result
  }
}
