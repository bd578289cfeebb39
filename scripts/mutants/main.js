// Mutation testing: makes small deliberate errors in the core, one at a time, and runs the quick tests of the part. An error that
// no test notices is a survivor. Mutants live in a temporary copy of the checkout, never in the tree.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { root } from '../lib/cxx.js'
import { beginRun, withArguments } from '../lib/reliability.js'
import { sites as cppSites } from './cpp.js'
import { changeOf, equivalents, isEquivalent, knownMutants, lineOf, read, tidy } from './lists.js'
import { DoesNotCompile } from './native.js'
import { OPERATORS } from './operators.js'
import { CORE, isDangerous, partOf } from './parts.js'
import { contains, endAll } from './sandbox.js'
import { OutOfTime } from './step.js'
import { Trials } from './trials.js'
import { sites as tsSites } from './ts.js'

const USAGE = `usage: npm run test:mutants -- [options]
  --file PART     only files whose path contains PART; repeatable. Default: the core
  --operator WORD only operators whose name contains WORD
  --minutes N     begin no mutant after N minutes (20), and leave the last one undecided two minutes later
  --count N       at most N mutants
  --seed N        draw the same mutants again
  --quick         for native files, only the native unit tests, which take a second
  --known         the errors in scripts/mutants/known.json instead
  --at FILE:LINE  only the mutants of this line, repeatable: surveys what one suspects
  --list          print the mutants, run none
  --least N       fail if less than N percent are killed (90); of the known errors all must be`

const { values: options } = parseArgs({
  options: {
    file: { type: 'string', multiple: true },
    operator: { type: 'string' },
    minutes: { type: 'string', default: '20' },
    count: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    quick: { type: 'boolean', default: false },
    known: { type: 'boolean', default: false },
    at: { type: 'string', multiple: true },
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

/** The lines that are named: `FILE:LINE`. */
const places = new Set(options.at)
const parts = options.at?.map((place) => place.replace(/:\d+$/, '')) ?? options.file

const isWanted = (file) => parts === undefined || parts.some((part) => file.includes(part))

/** All mutants of the wanted files, in the order of the draw. */
function draw() {
  if (options.known) return knownMutants().filter(({ file }) => isWanted(file))
  const named = parts === undefined ? CORE : [...new Set([...CORE, ...allFiles()])].filter(isWanted)
  const drawn = named.flatMap((file) => {
    const text = read(file)
    return (file.endsWith('.ts') ? tsSites(text, file) : cppSites(text))
      .filter(
        ({ operator, start }) =>
          operator.includes(options.operator ?? '') &&
          (options.at === undefined || places.has(`${file}:${lineOf(text, start)}`)),
      )
      .map(({ operator, start, end, replacement }) => ({ file, operator, start, end, replacement }))
  })
  return shuffle(drawn, randomOf(Number(options.seed))).slice(0, Number(options.count))
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
  const end = Date.now() + Number(options.minutes) * 60_000
  const whole =
    ['file', 'operator', 'at'].every((each) => options[each] === undefined) &&
    !options.quick &&
    options.count === 'Infinity'
  const name = options.known ? 'known-mutants' : 'mutants'
  const finish = beginRun(whole ? name : undefined, withArguments('npm run test:mutants'))
  const trials = new Trials()
  await trials.open(end + 120_000, options.quick)
  const counts = { tried: 0, killed: 0, survived: 0, equivalent: 0, uncompilable: 0, undecided: 0 }
  const files = {}
  for (const mutant of mutants) {
    if (Date.now() > end) break
    if (isDangerous(mutant.file) && !contains) continue
    if (isEquivalent(known, mutant)) {
      counts.equivalent++
      continue
    }
    const started = Date.now()
    let step
    try {
      step = await trials.test(mutant)
    } catch (error) {
      if (error instanceof OutOfTime) {
        counts.undecided++
        break
      }
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
      const survivor = print(mutant, `SURVIVED in ${time}:`)
      console.log(`    - ${survivor.before}\n    + ${survivor.after}`)
    } else {
      counts.killed++
      file.killed++
      print(mutant, `killed by ${step} in ${time}:`)
    }
  }
  const score = counts.tried === 0 ? 0 : Math.round((1000 * counts.killed) / counts.tried) / 10
  const leftOut = trials.leftOut.length
  // Of the known errors, all must be noticed.
  const enough = counts.tried > 0 && (options.known ? counts.killed === mutants.length : score >= Number(options.least))
  const { minutes, passed } = finish({ ...counts, score, seed: Number(options.seed), leftOut }, enough)
  console.log()
  for (const [file, { tried, killed }] of Object.entries(files).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    console.log(`${file}: ${killed} of ${tried}`)
  console.log(
    `\nseed ${options.seed}: ${counts.tried} tried, ${counts.killed} killed (${score} %), ${counts.survived} survived, ` +
      `${counts.equivalent} argued equivalent, ${counts.uncompilable} did not compile, ${counts.undecided} undecided, ` +
      `${leftOut} tests left out, ${minutes} minutes`,
  )
  const untried = mutants.length - counts.tried
  if (options.known && untried > 0) console.error(`${untried} known errors were not tried: all of them have to be`)
  if (!passed) process.exitCode = 1
}

await main()
