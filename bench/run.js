// npm run bench [-- suite...]: runs the suites, prints their rows and writes bench/results/<suite>.json.
// A missed target is shown and never fails the run: machines differ.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { formatRow } from './lib/format.js'
import { describeMachine } from './lib/machine.js'

const here = fileURLToPath(new URL('.', import.meta.url))

const suites = readdirSync(here).filter((name) => existsSync(`${here}${name}/index.js`))
const wanted = process.argv.length > 2 ? process.argv.slice(2) : suites
const unknown = wanted.filter((name) => !suites.includes(name))
if (unknown.length > 0) {
  console.error(`no suite ${unknown.join(', ')}; the suites are ${suites.join(', ')}`)
  process.exit(2)
}
if (!existsSync(`${here}../dist/index.js`)) {
  console.error('nothing is built yet: npm run compile')
  process.exit(2)
}
installPeers()
mkdirSync(`${here}results`, { recursive: true })

for (const name of wanted) {
  const { title, run } = await import(`./${name}/index.js`)
  console.log(`\n${name}: ${title}`)
  const rows = []
  const said = await run((each) => {
    rows.push(each)
    // Print each row at once, because a complete run takes minutes.
    console.log(formatRow(each))
  })
  for (const sentence of said ?? []) console.log(`  ${sentence}`)
  const result = { suite: name, title, machine: describeMachine(), rows, ...(said && { said }) }
  writeFileSync(`${here}results/${name}.json`, `${JSON.stringify(result, undefined, 2)}\n`)
  const aimed = rows.filter((each) => each.met !== null)
  console.log(`${aimed.filter((each) => each.met).length} of ${aimed.length} targets met`)
}

/** Installs the packages that suites compare with, in a folder of their own, unless they are there as the lock file has them. */
function installPeers() {
  if (installed(`${here}package-lock.json`) === installed(`${here}node_modules/.package-lock.json`)) return
  console.log('installing the packages to compare with')
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: here,
    stdio: 'inherit',
  })
  if (status !== 0) console.error('not installed; rows that need them will say so')
}

/** The packages in a lock file, with their versions. */
function installed(lockFile) {
  if (!existsSync(lockFile)) return undefined
  const { packages } = JSON.parse(readFileSync(lockFile, 'utf8'))
  // npm leaves out packages for other systems when it installs.
  const kept = Object.entries(packages).filter(([name, { optional }]) => name !== '' && !optional)
  return kept
    .map(([name, { version }]) => `${name}@${version}`)
    .toSorted()
    .join()
}
