// Checks whether a release is complete, and packs it if it is: `npm run release [-- options] [FOLDER]`. CONTRIBUTING has the
// steps.
//   --tested  skips the slow parts, which have passed already: the checks, the tests and the comparison of the binaries
//   --tagged  the commit must have the tag of the version; without it, there must be no such tag yet
//   --quick   only checks, and packs nothing
//   --notes   prints the entry of the version in the changelog, and does nothing else
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './lib/cxx.js'
import { pack } from './lib/pack.js'

const { values, positionals } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    tested: { type: 'boolean', default: false },
    tagged: { type: 'boolean', default: false },
    notes: { type: 'boolean', default: false },
    refuse: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
// Runs before `npm publish` in a checkout, whose package.json has fields for developers.
if (values.refuse) {
  console.error('release: npm run release writes a tarball; publish that')
  process.exit(1)
}
const folder = resolve(positionals[0] ?? root)

/** Each takes minutes and explains its own failures. */
const STEPS = [
  ['npm', 'run', '--silent', 'check'],
  ['npm', 'test'],
  ['npm', 'run', '--silent', 'check:prebuilds'],
]

const read = (file) => readFileSync(`${folder}/${file}`, 'utf8')

function git(...args) {
  const { status, stdout, stderr } = spawnSync('git', args, { cwd: folder, encoding: 'utf8' })
  if (status !== 0) throw new Error(`git ${args[0]}: ${stderr.trim()}`)
  return stdout.trim()
}

/** Whether it is a public address; names that RFC 2606 reserves are placeholders. */
function isAddress(text) {
  const address = String(text).replace(/^git\+/, '')
  if (!URL.canParse(address)) return false
  const { protocol, hostname } = new URL(address)
  const reserved = /(?:^|\.)(?:example|invalid|test|localhost|example\.(?:com|net|org))$/
  return /^(?:https|ssh):$/.test(protocol) && !reserved.test(hostname)
}

/** Checks the fields of package.json that name the author and the project's addresses. */
function* addressProblems(manifest) {
  const { author, repository, homepage, bugs } = manifest
  if (!(author?.name ?? author)) yield "package.json has no 'author'"
  const addresses = { repository: repository?.url ?? repository, homepage, bugs: bugs?.url ?? bugs }
  for (const [field, value] of Object.entries(addresses)) {
    if (!value) yield `package.json has no '${field}'`
    else if (!isAddress(value)) yield `package.json: '${field}' is a placeholder (${value})`
  }
}

/** The entries of the changelog, each up to the next heading of its level. */
const changes = () => read('CHANGELOG.md').split(/^## /m)

/** Checks the version, its tag and its entry in the changelog. */
function* versionProblems({ version }) {
  if (!/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version)) yield `package.json: '${version}' is no version`
  const lock = JSON.parse(read('package-lock.json')).version
  if (lock !== version) yield `package-lock.json is of version ${lock}: npm install --package-lock-only`
  if (values.tagged) {
    if (git('tag', '--points-at', 'HEAD', `v${version}`) === '') yield `this commit does not have the tag v${version}`
  } else if (git('tag', '--list', `v${version}`) !== '') yield `v${version} is released already`

  const sections = changes()
  const entry = sections.find((each) => each.startsWith(`[${version}]`))
  if (entry === undefined) yield `CHANGELOG.md has no entry for ${version}`
  else if (!/^\[.*\] - \d{4}-\d{2}-\d{2}\n/.test(entry)) yield `CHANGELOG.md: the entry for ${version} has no date`
  else if (!/^- /m.test(entry)) yield `CHANGELOG.md: the entry for ${version} is empty`
  const unreleased = sections.find((each) => /^\[Unreleased\]/i.test(each)) ?? ''
  if (/^- /m.test(unreleased)) yield 'CHANGELOG.md has changes that are not in a release'
}

/** Checks that the page of the nets comes from whole runs, of committed trees, in which all passed. */
function* netProblems() {
  if (!existsSync(`${folder}/docs/reliability.md`)) return
  const page = read('docs/reliability.md')
  if (/\*\*(?:not run|failed)\*\*/.test(page))
    yield 'docs/reliability.md: a net was not run, or failed: npm run test:all'
  if (page.includes('+changes')) yield 'docs/reliability.md: a net ran in a tree that was not committed'
}

function* treeProblems() {
  const changed = git('status', '--porcelain')
  if (changed !== '') yield `the tree is not clean:\n${changed}`
}

const manifest = JSON.parse(read('package.json'))
if (values.notes) {
  const entry = changes().find((each) => each.startsWith(`[${manifest.version}]`))
  if (entry === undefined) {
    console.error(`release: CHANGELOG.md has no entry for ${manifest.version}`)
    process.exit(1)
  }
  console.log(entry.slice(entry.indexOf('\n')).trim())
  process.exit(0)
}
const problems = [...addressProblems(manifest), ...versionProblems(manifest), ...netProblems(), ...treeProblems()]
for (const each of problems) console.error(`release: ${each}`)
if (problems.length > 0) process.exit(1)

for (const [command, ...args] of values.quick || values.tested ? [] : STEPS) {
  console.log(`\n== ${[command, ...args].join(' ')}`)
  const { status } = spawnSync(command, args, { cwd: folder, stdio: 'inherit' })
  if (status !== 0) {
    console.error(`release: '${[command, ...args].join(' ')}' failed`)
    process.exit(1)
  }
}
const tarball = values.quick ? '' : ` in ${relative(process.cwd(), pack(join(root, '.cache/release')))}`
console.log(`release: ${manifest.name} ${manifest.version} is ready${tarball}`)
