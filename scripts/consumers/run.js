// The consumers' matrix: installs the packed tarball in real projects. In each of them a guard must breach.
//
//   npm run test:consumers [-- OPTION...] [WORD...]     rows whose name has one of the words
//     --list        only lists the rows
//     --everyday    only the few rows that CI runs
//     --own-build   uses the addon in build/Release in place of the release binary for this machine
//     --keep        does not delete the projects
//
// A row that cannot install what it needs has failed, because it proves nothing. The last line has the counts.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { pack } from '../lib/pack.js'
import { bundlerRows } from './bundlers.js'
import { executableRows } from './executables.js'
import { frameworkRows } from './frameworks.js'
import { Workshop } from './project.js'
import { installerRows } from './installers.js'
import { typeRows } from './types.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean' },
    everyday: { type: 'boolean' },
    'own-build': { type: 'boolean' },
    keep: { type: 'boolean' },
  },
})
const rows = [...frameworkRows, ...typeRows, ...installerRows, ...bundlerRows, ...executableRows].filter(
  ({ name, everyday }) =>
    (!options.everyday || everyday) && (words.length === 0 || words.some((word) => name.includes(word))),
)
if (rows.length === 0) {
  console.error(`no row has ${words.join(' or ')} in its name; --list shows them`)
  process.exit(1)
}
if (options.list) {
  for (const { name } of rows) console.log(name)
  process.exit()
}

const red = (text) => (process.stdout.isTTY ? `\u001B[31m${text}\u001B[39m` : text)
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'consumers-')))
const widths = [Math.max(...rows.map(({ name }) => name.length)), 24, 8]
const print = (...cells) => console.log(cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  '))

/** The result of a row as text: the breach, the file that was loaded, and the settings that the consumer needed. */
function describeResult({ breach, addon, shown, needs }) {
  const parts = [
    breach && `breached at ${(breach.value / 1e6).toFixed(0)} MB`,
    addon && `loaded ${relative(folder, addon).replace(/^.*node_modules\/(?=.*tripline)/, '')}`,
    shown,
    needs && `needs ${needs}`,
  ]
  return parts.filter(Boolean).join('; ')
}

let failed = 0
try {
  execFileSync('npm', ['run', '--silent', 'build:ts'], { cwd: root, stdio: 'inherit' })
  const workshop = new Workshop(folder, pack(folder, { ownBuild: options['own-build'] }))
  print('consumer', 'module system', 'took', 'what it showed')
  for (const row of rows) {
    const started = Date.now()
    let result
    try {
      // Rows run one after the other, because the programs that each row starts already use all cores.
      result = describeResult(await row.check(workshop))
    } catch (error) {
      failed++
      result = red(`FAILED ${error.message}`)
    }
    print(row.name, row.system, `${((Date.now() - started) / 1000).toFixed(1)} s`, result)
  }
} finally {
  if (options.keep) console.log(`\nthe projects are in ${folder}`)
  else rmSync(folder, { recursive: true, force: true })
}
console.log(`\n${rows.length - failed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
