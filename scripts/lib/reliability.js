// The figures of a run of tests, as a small file in build/reliability/. All of them together become docs/reliability.md.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../../build/reliability', import.meta.url))

/**
 * Starts the clock of a run.
 *
 * @param name names the file: lower case letters, digits and hyphens. Undefined for a run of a part, which must not
 *   replace the figures of all: no file is written
 * @param command the command that repeats the run, such as `npm run test:soak`
 * @returns a function that writes the file. It takes the counts, by their names, and whether the run passed; a later
 *   call replaces the file. It returns what it wrote.
 */
export function beginRun(name, command) {
  if (name !== undefined && !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))
    throw new TypeError(`not a name for a file: ${name}`)
  const began = performance.now()
  return (counts, passed) => {
    for (const [key, count] of Object.entries(counts)) {
      if (!Number.isFinite(count)) throw new TypeError(`not a count: ${key} is ${count}`)
    }
    const minutes = Math.round((performance.now() - began) / 600) / 100
    const run = { name, command, date: new Date().toISOString(), minutes, counts, passed }
    if (name === undefined) return run
    mkdirSync(folder, { recursive: true })
    writeFileSync(path.join(folder, `${name}.json`), `${JSON.stringify(run, undefined, 2)}\n`)
    return run
  }
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
