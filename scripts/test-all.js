// Runs every net, one after the other, and writes docs/reliability.md: npm run test:all [-- --only NAME...] [--write]
//
// --only repeats some nets; the page keeps the latest figures of the others, and names the commit of each. --write runs
// nothing and only writes the page. A net that fails does not stop the others; the exit status is then 1. The output of each
// goes to build/reliability/NAME.log. It needs an hour to an hour and a quarter on a quiet machine with two cores.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { root } from './lib/cxx.js'
import { folder, forgetRun, readRuns, recordFailure } from './lib/reliability.js'
import { missingPackages, NETS } from './reliability/nets.js'
import { reliabilityPage } from './reliability/page.js'

const PAGE = path.join(root, 'docs/reliability.md')
const LAST_LINES = 40
/** Between two lines that say that a net is still running, in minutes. */
const STILL = 5

const { values, positionals } = parseArgs({
  options: { only: { type: 'string', multiple: true }, write: { type: 'boolean', default: false } },
  allowPositionals: true,
})
if (positionals.length > 0 && values.only === undefined)
  fail(`what is '${positionals[0]}'? Names of nets follow --only`)
const wanted = values.only === undefined ? NETS.map(({ name }) => name) : [...values.only, ...positionals]
const unknown = wanted.find((each) => !NETS.some(({ name }) => name === each))
if (unknown !== undefined) fail(`no net '${unknown}'; there are ${NETS.map(({ name }) => name).join(', ')}`)
const nets = NETS.filter(({ name }) => wanted.includes(name))

function fail(message) {
  console.error(message)
  process.exit(2)
}

const began = performance.now()
const minutesSince = (start) => (performance.now() - start) / 60_000
const say = (line) => console.log(`[${minutesSince(began).toFixed(1).padStart(5)} min] ${line}`)

let running
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    endGroup()
    say(`ended by ${signal}; run what is missing with --only`)
    process.exit(130)
  })
}

/** Ends what runs, with all that it has started. */
function endGroup() {
  try {
    if (running !== undefined) process.kill(-running.pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

/** Runs a command with its output in a file. @returns why it has failed; undefined if it passed */
function run(command, env, log, bound) {
  const file = openSync(log, 'w')
  return new Promise((resolve) => {
    const child = spawn('sh', ['-c', command], {
      cwd: root,
      detached: true,
      stdio: ['ignore', file, file],
      env: { ...process.env, NO_COLOR: '1', ...env },
    })
    running = child
    let late = false
    const timer = setTimeout(() => {
      late = true
      endGroup()
    }, bound * 60_000)
    const end = (why) => {
      clearTimeout(timer)
      running = undefined
      closeSync(file)
      resolve(why)
    }
    child.on('error', (error) => end(error.message))
    child.on('exit', (status, signal) => {
      if (late) end(`it did not end within ${bound} minutes`)
      else if (status === 0) end(undefined)
      else end(signal === null ? `exit status ${status}` : `ended by ${signal}`)
    })
  })
}

function lastLines(log) {
  const lines = stripVTControlCharacters(readFileSync(log, 'utf8')).trimEnd().split('\n')
  return lines
    .slice(-LAST_LINES)
    .map((line) => `    ${line}`)
    .join('\n')
}

/** Runs a net. @returns whether it passed */
async function runNet(net, place) {
  const log = path.join(folder, `${net.name}.log`)
  say(`${place} ${net.title}: ${net.command}`)
  forgetRun(net.name)
  const start = performance.now()
  const still = setInterval(() => say(`      ${net.name} is still running`), STILL * 60_000)
  const why = await run(net.command, net.env, log, net.bound)
  clearInterval(still)
  const minutes = Math.round(minutesSince(start) * 100) / 100
  const recorded = readRuns().find(({ name }) => name === net.name)
  const problem =
    why ??
    (recorded === undefined
      ? 'it wrote no figures'
      : recorded.passed
        ? undefined
        : (recorded.why ?? 'its figures say so'))
  if (problem === undefined) {
    const counts = Object.entries(recorded.counts).map(([name, count]) => `${count} ${name}`)
    say(`      passed in ${minutes.toFixed(1)} min: ${counts.join(', ')}`)
    return true
  }
  recordFailure(net.name, net.command, minutes, problem)
  say(`      FAILED after ${minutes.toFixed(1)} min: ${problem}. The last lines of ${path.relative(root, log)}:`)
  console.log(lastLines(log))
  return false
}

function writePage() {
  writeFileSync(PAGE, reliabilityPage(NETS, readRuns()))
  say(`wrote ${path.relative(root, PAGE)}`)
}

async function main() {
  if (values.write) return writePage()
  if (!existsSync(path.join(root, 'node_modules/vitest'))) fail('run `npm install` first')
  const missing = missingPackages(nets)
  if (missing.length > 0) fail(`missing here; Debian: apt-get install ${missing.join(' ')}`)
  mkdirSync(folder, { recursive: true })
  const log = path.join(folder, 'compile.log')
  say('npm run compile')
  const broken = await run('npm run compile', {}, log, 20)
  if (broken !== undefined) fail(`it does not compile: ${broken}\n${lastLines(log)}`)
  const failed = []
  for (const [index, net] of nets.entries()) {
    if (!(await runNet(net, `${index + 1}/${nets.length}`))) failed.push(net.name)
    // So that an interrupted run leaves a page, too.
    writePage()
  }
  say(
    failed.length === 0
      ? `all ${nets.length} passed`
      : `${failed.length} of ${nets.length} failed: ${failed.join(', ')}`,
  )
  process.exitCode = failed.length === 0 ? 0 : 1
}

await main()
