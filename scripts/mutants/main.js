// Mutation testing: makes small deliberate errors in the core, one at a time, and runs the quick tests of the part. An error that
// no test notices is a survivor. Mutants live in a temporary copy of the checkout, never in the tree.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { root } from '../lib/cxx.js'
import { beginRun } from '../lib/reliability.js'
import { copyCheckout } from './checkout.js'
import { sites as cppSites } from './cpp.js'
import { changeOf, equivalents, isEquivalent, knownMutants, lineOf, read, tidy } from './lists.js'
import { DoesNotCompile, nativeBuilds, testsIn } from './native.js'
import { OPERATORS } from './operators.js'
import { CORE, isDangerous, partOf } from './parts.js'
import { contain, contains, endAll } from './sandbox.js'
import { sites as tsSites } from './ts.js'

const USAGE = `usage: npm run test:mutants -- [options]
  --file PART     only files whose path contains PART; repeatable. Default: the core
  --operator WORD only operators whose name contains WORD
  --minutes N     stop after N minutes (20)
  --count N       at most N mutants
  --seed N        draw the same mutants again
  --quick         for native files, only the native unit tests, which take a second
  --known         only the errors in scripts/mutants/known.json
  --line N        only this line, for a single --file
  --list          print the mutants, run none
  --least N       fail if less than N percent are killed (90)`

const { values: options } = parseArgs({
  options: {
    file: { type: 'string', multiple: true },
    operator: { type: 'string' },
    minutes: { type: 'string', default: '20' },
    count: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    quick: { type: 'boolean', default: false },
    known: { type: 'boolean', default: false },
    line: { type: 'string' },
    list: { type: 'boolean', default: false },
    least: { type: 'string', default: '90' },
    help: { type: 'boolean', default: false },
  },
})

/** A small generator of random numbers (mulberry32), so that a seed draws the same mutants everywhere. */
function randomOf(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function shuffle(list, random) {
  for (let last = list.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    ;[list[last], list[other]] = [list[other], list[last]]
  }
  return list
}

const isWanted = (file) => options.file === undefined || options.file.some((part) => file.includes(part))

/** All mutants of the wanted files, in the order of the draw; the known ones first. */
function draw() {
  const mutants = []
  if (options.line === undefined && options.operator === undefined) {
    mutants.push(...knownMutants().filter(({ file }) => isWanted(file)))
  }
  if (options.known) return mutants
  const named = options.file === undefined ? CORE : [...new Set([...CORE, ...allFiles()])].filter(isWanted)
  const drawn = named.flatMap((file) => {
    const text = read(file)
    return (file.endsWith('.ts') ? tsSites(text, file) : cppSites(text))
      .filter(
        ({ operator, start }) =>
          operator.includes(options.operator ?? '') &&
          (options.line === undefined || lineOf(text, start) === Number(options.line)),
      )
      .map(({ operator, start, end, replacement }) => ({ file, operator, start, end, replacement }))
  })
  return [...mutants, ...shuffle(drawn, randomOf(Number(options.seed)))].slice(0, Number(options.count))
}

function allFiles() {
  const found = []
  for (const folder of ['native', 'src']) {
    for (const name of readdirSync(path.join(root, folder), { recursive: true })) {
      const file = `${folder}/${name.replaceAll('\\', '/')}`
      if (!/\.(?:cc|h|ts)$/.test(file) || !isWanted(file)) continue
      try {
        partOf(file)
        found.push(file)
      } catch {
        // Has no tests of its own.
      }
    }
  }
  return found
}

class Run {
  #folder
  #native
  #limits = new Map()
  #env

  async open() {
    this.#folder = copyCheckout()
    this.#native = await nativeBuilds(this.#folder)
    const { TRIPLINE_TESTS: _, ...env } = process.env
    this.#env = { ...env, NO_COLOR: '1', CI: '1' }
  }

  /** The name of the step that notices the mutant; undefined if it survives. @throws DoesNotCompile */
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
      const key = `${kind} of ${file}`
      if (!this.#limits.has(key)) {
        await this.#native.build(kind, program)
        await this.#measure(key, [program, ...names])
      }
      await this.#native.build(kind, program, file, changed)
      if (await this.#fails(key, [program, ...names])) return 'native tests'
    }
    const files = [...testFiles(part.quick), ...testFiles(part.built)]
    if (files.length === 0 || options.quick) return undefined
    const addon = path.join(this.#folder, 'build/Release/tripline.node')
    const key = `vitest ${files.join(' ')}`
    if (!this.#limits.has(key)) {
      await this.#native.build('addon', addon)
      await this.#measure(key, this.#vitest(files))
    }
    await this.#native.build('addon', addon, file, changed)
    return (await this.#fails(key, this.#vitest(files))) ? 'vitest' : undefined
  }

  async #testScript(file, text, changed) {
    const part = partOf(file)
    const copy = path.join(this.#folder, file)
    const tsc = [path.join(root, 'node_modules/.bin/tsc'), '-p', 'tsconfig.build.json']
    const quick = testFiles(part.quick)
    const built = testFiles(part.built)
    // Those that are named after the file, or test all of the part, notice most.
    const own = path.basename(file, '.ts')
    const isFirst = (name) => name.includes(`/${own}.`) || part.first?.test(name.slice(5, -8))
    const steps = [quick.filter(isFirst), quick.filter((name) => !isFirst(name))].filter(({ length }) => length > 0)
    for (const names of steps) {
      const key = `vitest ${names.join(' ')}`
      if (!this.#limits.has(key)) await this.#measure(key, this.#vitest(names, true))
    }
    try {
      writeFileSync(copy, changed)
      const types = await this.#contain([...tsc, '--noEmit'], 600_000)
      if (types.status !== 0) throw new DoesNotCompile(types.output)
      for (const names of steps) {
        if (await this.#fails(`vitest ${names.join(' ')}`, this.#vitest(names, true))) return 'vitest'
      }
      if (built.length === 0) return undefined
      const slow = `vitest ${built.join(' ')}`
      if (!this.#limits.has(slow)) {
        writeFileSync(copy, text)
        await this.#bundle()
        await this.#measure(slow, this.#vitest(built))
        writeFileSync(copy, changed)
      }
      await this.#bundle()
      return (await this.#fails(slow, this.#vitest(built))) ? 'vitest over the package' : undefined
    } finally {
      writeFileSync(copy, text)
    }
  }

  async #bundle() {
    const { status, output } = await this.#contain([process.execPath, 'scripts/build-ts.js'], 600_000)
    if (status !== 0) throw new DoesNotCompile(output)
  }

  #vitest(files, shared = false) {
    const vitest = path.join(root, 'node_modules/vitest/vitest.mjs')
    const together = shared ? ['--no-isolate', '--maxWorkers=2'] : ['--maxWorkers=3']
    return [process.execPath, vitest, 'run', '--bail=1', '--reporter=dot', ...together, ...files]
  }

  /** The tests must pass without a mutant; how long they take sets their limit. */
  async #measure(key, command) {
    for (let attempt = 1; ; attempt++) {
      const began = performance.now()
      const { status, output } = await this.#contain(command, 600_000)
      if (status === 0) {
        this.#limits.set(key, 20_000 + 5 * (performance.now() - began))
        return
      }
      if (attempt === 2) throw new Error(`without a mutant, the tests fail: ${key}\n${output}`)
    }
  }

  #contain(command, limit) {
    // The runtime reserves more address space than a bound could allow.
    return contain(command, { cwd: this.#folder, env: this.#env, limit, bounded: command[0].endsWith('/program') })
  }

  /** Whether a test fails, or hangs. */
  async #fails(key, command) {
    const { status } = await this.#contain(command, this.#limits.get(key))
    return status !== 0
  }
}

function testFiles(pattern) {
  if (pattern === undefined) return []
  return readdirSync(path.join(root, 'test'), { recursive: true })
    .map((name) => name.replaceAll('\\', '/'))
    .filter(
      (name) =>
        name.endsWith('.test.ts') && !name.endsWith('.slow.test.ts') && pattern.test(name.replace(/\.test\.ts$/, '')),
    )
    .map((name) => `test/${name}`)
    .toSorted()
}

function print(mutant, words) {
  const { line, before, after } = changeOf(mutant)
  console.log(`${words} ${mutant.file}:${line} ${mutant.operator}`)
  return { file: mutant.file, line, operator: mutant.operator, before: tidy(before), after: tidy(after) }
}

async function main() {
  if (options.help) {
    console.log(`${USAGE}\n\noperators:`)
    for (const [name, what] of Object.entries(OPERATORS)) console.log(`  ${name.padEnd(20)} ${what}`)
    return
  }
  const known = equivalents()
  const mutants = draw()
  console.log(`seed ${options.seed}, ${mutants.length} mutants`)
  if (options.list) {
    for (const mutant of mutants) {
      const { before, after } = print(mutant, ' ')
      console.log(`      ${before}\n      ${after}`)
    }
    return
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      endAll()
      process.exit(130)
    })
  }
  const began = Date.now()
  const isPart =
    [options.file, options.operator, options.line].some((each) => each !== undefined) ||
    options.known ||
    options.quick ||
    options.count !== 'Infinity'
  const finish = beginRun(
    isPart ? undefined : 'mutants',
    ['npm run test:mutants --', ...process.argv.slice(2)].join(' '),
  )
  const run = new Run()
  await run.open()
  const counts = { tried: 0, killed: 0, survived: 0, equivalent: 0, uncompilable: 0 }
  const files = {}
  for (const mutant of mutants) {
    if (Date.now() - began > Number(options.minutes) * 60_000) break
    if (isDangerous(mutant.file) && !contains) continue
    if (isEquivalent(known, mutant)) {
      counts.equivalent++
      continue
    }
    const started = Date.now()
    let step
    try {
      step = await run.test(mutant)
    } catch (error) {
      if (!(error instanceof DoesNotCompile)) throw error
      counts.uncompilable++
      continue
    }
    counts.tried++
    const file = (files[mutant.file] ??= { tried: 0, killed: 0 })
    file.tried++
    const time = `${((Date.now() - started) / 1000).toFixed(1)} s`
    if (step === undefined) {
      counts.survived++
      const survivor = print(mutant, 'SURVIVED')
      console.log(`    - ${survivor.before}\n    + ${survivor.after}`)
    } else {
      counts.killed++
      file.killed++
      print(mutant, `killed by ${step} in ${time}:`)
    }
  }
  const score = counts.tried === 0 ? 100 : Math.round((1000 * counts.killed) / counts.tried) / 10
  const { minutes } = finish({ ...counts, score, seed: Number(options.seed) }, score >= Number(options.least))
  console.log()
  for (const [file, { tried, killed }] of Object.entries(files).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    console.log(`${file}: ${killed} of ${tried}`)
  console.log(
    `\nseed ${options.seed}: ${counts.tried} tried, ${counts.killed} killed (${score} %), ${counts.survived} survived, ` +
      `${counts.equivalent} argued equivalent, ${counts.uncompilable} did not compile, ${minutes} minutes`,
  )
  if (score < Number(options.least)) process.exitCode = 1
}

await main()
