// The figures of a run of tests, as a small file in build/reliability/. All of them together become docs/reliability.md.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { emptyFigure } from '../reliability/nets.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The folder of the figures, and of the logs of `npm run test:all`. */
export const folder = path.join(root, 'build/reliability')

function git(...args) {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
}

/**
 * The commit that is checked out, with `+changes` if files differ from it; undefined where this is no checkout. The page of the
 * figures does not count: it is written after them.
 */
export function currentCommit() {
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', '.', ':!docs/reliability.md') !== ''
    return git('rev-parse', '--short=10', 'HEAD') + (changed ? '+changes' : '')
  } catch {
    return undefined
  }
}

/** This machine in a few words. */
function machine() {
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  return `${availableParallelism()} x ${cpus()[0]?.model ?? process.arch}, ${memory}, ${type()} ${release()}, Node ${process.version}`
}

const fileOf = (name) => path.join(folder, `${name}.json`)

function write(run) {
  mkdirSync(folder, { recursive: true })
  writeFileSync(fileOf(run.name), `${JSON.stringify(run, undefined, 2)}\n`)
}

/**
 * Starts the clock of a run.
 *
 * @param name names the file: lower case letters, digits and hyphens. Undefined for a run of a part, which must not
 *   replace the figures of all: no file is written
 * @param command the command that repeats the run, such as `npm run test:soak`
 * @returns a function that writes the file. It takes the counts, by their names, and whether the run passed; a later
 *   call replaces the file. It returns what it wrote, in which a run of a net that has counted nothing has not passed.
 */
export function beginRun(name, command) {
  if (name !== undefined && !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))
    throw new TypeError(`not a name for a file: ${name}`)
  const began = performance.now()
  // Read now: a commit that is made meanwhile is not what was tested.
  const commit = name === undefined ? undefined : currentCommit()
  return (counts, passed) => {
    for (const [key, count] of Object.entries(counts)) {
      if (!Number.isFinite(count)) throw new TypeError(`not a count: ${key} is ${count}`)
    }
    const minutes = Math.round((performance.now() - began) / 600) / 100
    const date = new Date().toISOString()
    // What has counted nothing has proved nothing.
    const why = passed ? emptyFigure(name, counts) : undefined
    if (why !== undefined) console.error(`${name} did not pass: ${why}`)
    const about = { name, command, date, minutes, commit, machine: machine(), counts }
    const run = { ...about, passed: passed && why === undefined, ...(why !== undefined && { why }) }
    if (name !== undefined) write(run)
    return run
  }
}

/** The command that repeats this run of a script: what npm runs it by, and its arguments. */
export function withArguments(command) {
  const words = process.argv.slice(2)
  return words.length === 0 ? command : [command, '--', ...words].join(' ')
}

/** Forgets the latest run of a name. */
export function forgetRun(name) {
  rmSync(fileOf(name), { force: true })
}

/** Records that a run has failed, whatever its file says, and why. A run that ended without a file gets one. */
export function recordFailure(name, command, minutes, why) {
  const known = readRuns().find((run) => run.name === name)
  const date = new Date().toISOString()
  const run = known ?? { name, command, date, minutes, commit: currentCommit(), machine: machine(), counts: {} }
  write({ ...run, passed: false, why })
}

/** The latest run of every name, sorted by name. */
export function readRuns() {
  let names
  try {
    names = readdirSync(folder)
  } catch (error) {
    if (error.code === 'ENOENT') return []
    throw error
  }
  return names
    .filter((name) => name.endsWith('.json'))
    .toSorted()
    .map((name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')))
}
