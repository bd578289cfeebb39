/** `npm run release`: what it refuses. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

const MANIFEST = {
  name: 'demo',
  version: '1.2.0',
  author: 'A. Author',
  repository: { type: 'git', url: 'git+https://code.somewhere.org/demo.git' },
  homepage: 'https://somewhere.org/demo',
  bugs: { url: 'https://code.somewhere.org/demo/issues' },
}
const CHANGELOG = '# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-02-03\n\n### Added\n\n- Something.\n'

describe('a release', () => {
  let folder: string
  const git = (...args: string[]): Buffer =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args], { cwd: folder, stdio: 'pipe' })

  /** Commits a project that differs from one that is ready, and returns the complaints of the release check. */
  function check(manifest: object = {}, changelog = CHANGELOG): { status: number | null; output: string } {
    const all = { ...MANIFEST, ...manifest }
    writeFileSync(join(folder, 'package.json'), JSON.stringify(all))
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ version: '1.2.0' }))
    writeFileSync(join(folder, 'CHANGELOG.md'), changelog)
    git('add', '.')
    git('commit', '--quiet', '--allow-empty', '-m', 'x')
    return look()
  }

  function look(...options: string[]): { status: number | null; output: string } {
    const args = [join(root, 'scripts/release.js'), '--quick', ...options, folder]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    return { status, output: stdout + stderr }
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tripline-release-'))
    git('init', '--quiet')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('is allowed when everything is complete', () => {
    expect(check()).toEqual({ status: 0, output: 'release: demo 1.2.0 is ready\n' })
  })

  it.each([
    [{ author: '' }, "has no 'author'"],
    [{ repository: undefined }, "has no 'repository'"],
    [{ homepage: undefined }, "has no 'homepage'"],
    [{ bugs: {} }, "'bugs' is a placeholder"],
    [{ repository: 'https://tripline.example/x.git' }, "'repository' is a placeholder"],
    [{ homepage: 'https://www.example.com' }, "'homepage' is a placeholder"],
    // The placeholder word for a field that is not filled in yet; here it is test data.
    [{ homepage: 'TODO' }, "'homepage' is a placeholder"],
    [{ bugs: 'http://localhost/issues' }, "'bugs' is a placeholder"],
    [{ version: '1.3' }, "'1.3' is no version"],
    [{ version: '1.3.0' }, 'CHANGELOG.md has no entry for 1.3.0'],
    [{ version: '1.3.0' }, 'package-lock.json is of version 1.2.0'],
  ])('is refused with %j: %s', (manifest, says) => {
    const { status, output } = check(manifest)
    expect(output).toContain(says)
    expect(output).not.toContain('is ready')
    expect(status).toBe(1)
  })

  it.each([
    [CHANGELOG.replace(' - 2026-02-03', ''), 'the entry for 1.2.0 has no date'],
    [CHANGELOG.replace('- Something.', ''), 'the entry for 1.2.0 is empty'],
    [CHANGELOG.replace('[Unreleased]\n', '[Unreleased]\n\n- Forgotten.\n'), 'changes that are not in a release'],
  ])('is refused with a changelog of %j: %s', (changelog, says) => {
    const { status, output } = check({}, changelog)
    expect(output).toContain(says)
    expect(status).toBe(1)
  })

  it('is refused with uncommitted changes, or for a version that is tagged already', () => {
    check()
    writeFileSync(join(folder, 'left-over'), '')
    expect(look().output).toContain('the tree is not clean:\n?? left-over')
    rmSync(join(folder, 'left-over'))
    git('tag', 'v1.2.0')
    expect(look().output).toContain('v1.2.0 is released already')
  })

  it.each([
    ['| Soak | **not run** |', 'a net was not run, or failed'],
    ['| Soak | **failed** |', 'a net was not run, or failed'],
    ['| Soak | passed | `abc+changes` |', 'a net ran in a tree that was not committed'],
  ])('is refused when the page of the nets says %s', (page, says) => {
    mkdirSync(join(folder, 'docs'))
    writeFileSync(join(folder, 'docs/reliability.md'), page)
    expect(check().output).toContain(says)
    writeFileSync(join(folder, 'docs/reliability.md'), '| Soak | passed | `abc` |')
    expect(check().status).toBe(0)
  })

  it('from a tag needs the tag of its version, at the commit itself', () => {
    check()
    expect(look('--tagged').output).toContain('this commit does not have the tag v1.2.0')
    git('tag', 'v1.2.0')
    expect(look('--tagged')).toEqual({ status: 0, output: 'release: demo 1.2.0 is ready\n' })
    git('commit', '--quiet', '--allow-empty', '-m', 'later')
    expect(look('--tagged').output).toContain('this commit does not have the tag v1.2.0')
  })

  it('has the entry of its version as its notes, and no other', () => {
    check({}, `${CHANGELOG}\n## [1.1.0] - 2026-01-01\n\n- Older.\n`)
    expect(look('--notes')).toEqual({ status: 0, output: '### Added\n\n- Something.\n' })
    check({ version: '1.3.0' })
    expect(look('--notes')).toEqual({ status: 1, output: 'release: CHANGELOG.md has no entry for 1.3.0\n' })
  })

  it('is not published from a checkout, whose package.json has fields for developers', () => {
    const { scripts, ...manifest } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    expect(scripts['prepublishOnly']).toBe('node scripts/release.js --refuse')
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/release.js'), '--refuse'], {
      encoding: 'utf8',
    })
    expect(status).toBe(1)
    expect(stderr).toContain('npm run release writes a tarball')
    for (const field of ['author', 'repository', 'homepage', 'bugs']) expect(manifest).toHaveProperty(field)
  })
})
