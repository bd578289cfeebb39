// Scenarios on real kernels: the packed tarball in guests of qemu, without KVM.
//
//   npm run test:vm [-- OPTION...] [WORD...]     scenarios whose name, machine or kernel has one of the words
//     --list       only lists the scenarios
//     --resume     skips scenarios that have passed with this tarball on this kernel
//     --write      writes the table into docs/platforms.md; a complete round without failures does so too
//     --prebuilt   uses the binary in prebuilds/ on x64 too, not the one in build/Release
//     --verbose    prints every assertion
//
// Needs root and Debian 12, and fetches everything else. Results are kept in the cache, including the guests' consoles.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { Guest, consoleOf, emulatorVersion } from './guest.js'
import { appImage, installTools, kernel, vmFolder } from './image.js'
import { kernels } from './machines.js'
import { pack } from './pack.js'
import { writeResults } from './results.js'
import { verdict, writeTable } from './table.js'

const tests = resolve(dirname(fileURLToPath(import.meta.url)), '../../test/vm')
const { scenarios } = await import(pathToFileURL(join(tests, 'scenarios.js')).href)

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean' },
    resume: { type: 'boolean' },
    write: { type: 'boolean' },
    prebuilt: { type: 'boolean' },
    verbose: { type: 'boolean' },
  },
})

/** Every scenario with each of its kernels, ordered so that scenarios of one guest follow each other. */
const all = scenarios
  .flatMap((scenario) => scenario.kernels.map((name) => ({ ...scenario, kernel: name })))
  .toSorted((one, other) => guestOf(one).localeCompare(guestOf(other)))
const wanted = all.filter(
  (each) => words.length === 0 || words.some((word) => each.name === word || guestOf(each).split(' ').includes(word)),
)

function guestOf({ machine, kernel: name }) {
  return `${name} ${machine}`
}

if (wanted.length === 0) {
  console.error(`no scenario matches ${words.join(' or ')}; --list shows them all`)
  process.exit(1)
}
if (options.list) {
  for (const { name, what, kernels: own, machine } of scenarios)
    console.log(`${name}: ${what} (${machine}; ${own.join(', ')})`)
  process.exit()
}

/** The longest that a scenario may take, in milliseconds: far longer than any needs, also on a busy machine. */
const LIMIT = 1_200_000

mkdirSync(vmFolder, { recursive: true })
const passedFile = join(vmFolder, 'passed.json')
const log = join(vmFolder, 'console.log')
rmSync(log, { force: true })

/** The scenarios that have passed, by name, kernel, tarball and the scenario's own text. */
const passed = new Map(readPassed())
function readPassed() {
  try {
    return Object.entries(JSON.parse(readFileSync(passedFile, 'utf8')))
  } catch {
    return []
  }
}

installTools()
console.log('packing')
const { installed, hash } = pack(join(vmFolder, 'package'), { prebuilt: options.prebuilt })
const apps = new Map()
const versions = {}

function keyOf({ name, after, kernel: kernelName }) {
  const text = createHash('sha256')
  const own = [`scenarios/${name}.mjs`, `scenarios/${after}.mjs`, `guest/${name}.mjs`]
  for (const file of [...own, 'guest/scenario.mjs', 'guest/subject.mjs']) {
    try {
      text.update(readFileSync(join(tests, file)))
    } catch {
      // A scenario without a program of its own is judged by its console.
    }
  }
  return `${name} ${kernels[kernelName].release} ${versions[kernelName]} ${hash} ${text.digest('hex').slice(0, 12)}`
}

const results = []
let guest
let running

async function endGuest() {
  await guest?.end()
  guest = undefined
  running = undefined
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => {
    void endGuest().finally(() => process.exit(1))
  })

/** Boots the guest that the scenario needs, unless it is running already. With a `spare` disk, it is always a new one. */
async function guestFor(scenario, spare) {
  if (running !== guestOf(scenario) || spare !== undefined) {
    await endGuest()
    const { architecture } = kernel(scenario.kernel)
    if (!apps.has(architecture)) apps.set(architecture, appImage(architecture, installed))
    const { machine, kernel: name } = scenario
    guest = await Guest.boot({ machine, kernel: name, app: apps.get(architecture), log, spare })
    running = guestOf(scenario)
  }
  return guest
}

async function play(scenario) {
  const result = { ...scenario, asserts: 0, failed: [] }
  const take = (line) => {
    let said
    try {
      said = JSON.parse(line)
    } catch {
      if (options.verbose) console.log(`    ${line}`)
      if (line !== '') result.said = `${result.said ?? ''}    ${line}\n`
      return
    }
    if (said.results !== undefined) {
      result.results = said.results
      if (options.verbose) console.log(`    ${said.results.rows.at(-1).join(' | ')}`)
      return
    }
    result.asserts++
    if (options.verbose)
      console.log(`    ${said.holds ? 'holds ' : 'FAILS '} ${said.what}${said.seen ? `: ${said.seen}` : ''}`)
    if (!said.holds) result.failed.push(said.seen === undefined ? said.what : `${said.what}: ${said.seen}`)
  }
  const spare = scenario.after === undefined ? undefined : join(vmFolder, 'spare')
  if (spare !== undefined) rmSync(spare, { force: true })
  try {
    const own = await guestFor(scenario, spare)
    if (scenario.judge !== undefined) {
      if (!(await own.ended(LIMIT))) result.failed.push('the guest did not power itself off')
      for (const line of scenario.judge(consoleOf(log))) take(JSON.stringify(line))
      await endGuest()
    } else {
      let wrong = await own.run(scenario.name, LIMIT, take)
      if (wrong === undefined && scenario.after !== undefined) {
        // The emulator is killed, which is what a power cut is to the guest.
        await endGuest()
        wrong = await (await guestFor(scenario, spare)).run(scenario.after, LIMIT, take)
      }
      if (wrong !== undefined) result.failed.push(wrong)
      if (result.asserts === 0) result.failed.push('nothing was asserted')
      // A failed scenario may have left the guest in any state.
      if (result.failed.length > 0 || scenario.leaves || spare !== undefined) await endGuest()
    }
  } catch (error) {
    result.failed.push(error.message)
    await endGuest()
  }
  return result
}

const started = Date.now()
const width = Math.max(...wanted.map((each) => each.name.length))
console.log(
  `qemu ${emulatorVersion()}, tarball ${hash}, ${options.prebuilt ? 'prebuilt' : 'addon of build/Release on x64'}\n`,
)
console.log(`${'scenario'.padEnd(width)}  ${'kernel'.padEnd(26)} asserts ${'took'.padStart(6)}  result`)
for (const each of wanted) versions[each.kernel] ??= kernel(each.kernel).version
// Read all scenarios at the start: one that is edited during the round has to run again.
const keys = new Map(wanted.map((each) => [each, keyOf(each)]))
for (const scenario of wanted) {
  const key = keys.get(scenario)
  const begun = Date.now()
  const known = options.resume ? passed.get(key) : undefined
  const result = known === undefined ? await play(scenario) : { ...scenario, asserts: known, failed: [] }
  results.push(result)
  const took = known === undefined ? `${((Date.now() - begun) / 1000).toFixed(0)} s` : '-'
  const label = known === undefined ? verdict(result) : 'passed before'
  console.log(
    `${scenario.name.padEnd(width)}  ${versions[scenario.kernel].padEnd(26)} ${String(result.asserts).padStart(7)} ${took.padStart(6)}  ${label}`,
  )
  for (const each of result.failed) console.log(`    ${each}`)
  if (result.failed.length > 0 && result.said !== undefined) process.stdout.write(result.said)
  if (result.failed.length === 0 && result.results !== undefined) writeResults(result, versions[scenario.kernel])
  if (result.failed.length === 0) passed.set(key, result.asserts)
  else passed.delete(key)
  writeFileSync(passedFile, JSON.stringify(Object.fromEntries(passed), undefined, 1))
}
await endGuest()

const failures = results.filter((each) => each.failed.length > 0).length
const minutes = ((Date.now() - started) / 60_000).toFixed(1)
console.log(`\n${results.length - failures} passed, ${failures} failed, ${minutes} minutes`)
if (options.write || (failures === 0 && words.length === 0)) writeTable(results, versions)
process.exitCode = failures === 0 ? 0 : 1
