// Packs the published tarball: that of `npm pack`, without the fields of package.json that only developers need, and with links
// to files that are not in it replaced by their addresses.
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Fields of package.json that mean nothing to users, or that would run something on their machines. */
const DEVELOPMENT = ['scripts', 'devDependencies']

/**
 * Packs the checkout, which must be compiled already, into `folder`. With `ownBuild`, the addon in build/Release replaces
 * the release binary for this machine, which may be older than the sources. Returns the path of the tarball.
 */
export function pack(folder, { ownBuild = false } = {}) {
  mkdirSync(folder, { recursive: true })
  const work = mkdtempSync(join(folder, 'pack-'))
  try {
    execFileSync('tar', ['xzf', npmPack(root, work), '--no-same-owner', '-C', work])
    const staged = join(work, 'package')
    clean(join(staged, 'package.json'))
    completeLinks(staged)
    if (ownBuild) replaceAddon(join(staged, 'prebuilds', `${process.platform}-${process.arch}`))
    return npmPack(staged, folder)
  } finally {
    rmSync(work, { recursive: true })
  }
}

function npmPack(cwd, folder) {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const [{ filename }] = JSON.parse(execFileSync('npm', args, { cwd, encoding: 'utf8' }))
  return join(folder, filename)
}

function clean(file) {
  const manifest = JSON.parse(readFileSync(file, 'utf8'))
  for (const field of DEVELOPMENT) delete manifest[field]
  writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`)
}

/**
 * In every page, makes links to files that only the repository has absolute: those of the version's tag. In the README all links
 * to files are, because the registry shows it without the files.
 */
function completeLinks(staged) {
  const { version, repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const address = repository.url.replace(/^git\+|\.git$/g, '')
  for (const name of readdirSync(staged, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.md')) continue
    const page = join(staged, name)
    const text = readFileSync(page, 'utf8').replaceAll(/(!?)\[([^\]]*)\]\(([^)#\s]+)/g, (link, image, label, to) => {
      if (/^[a-z]+:/.test(to) || (name !== 'README.md' && existsSync(join(page, '..', to)))) return link
      const file = relative(staged, join(page, '..', to)).replaceAll('\\', '/')
      if (!existsSync(join(root, file))) throw new Error(`${name} has a link to ${to}, which does not exist`)
      return `${image}[${label}](${address}/${image === '' ? 'blob' : 'raw'}/v${version}/${file}`
    })
    writeFileSync(page, text)
  }
}

function replaceAddon(folder) {
  const addon = join(root, 'build/Release/tripline.node')
  if (!existsSync(addon)) throw new Error('there is no addon in build/Release: run npm run build:native')
  for (const file of readdirSync(folder)) if (file.endsWith('.node')) copyFileSync(addon, join(folder, file))
}
