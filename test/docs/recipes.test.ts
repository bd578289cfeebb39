/** The unit file of the recipe is the one in its text, and systemd accepts it where it is installed. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT } from '../helpers/child.js'

const unit = readFileSync(join(ROOT, 'docs/recipes/app.service'), 'utf8')

it('the unit file is the one that the recipe shows', () => {
  const recipe = readFileSync(join(ROOT, 'docs/recipes/systemd.md'), 'utf8')
  expect(recipe).toContain(`\`\`\`ini\n${unit}\`\`\``)
})

it.runIf(existsSync('/usr/bin/systemd-analyze'))('systemd understands every line of it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tripline-unit-'))
  try {
    // The program of the recipe is not installed here.
    writeFileSync(
      join(folder, 'app.service'),
      unit.replace(/^ExecStart=.*$/m, `ExecStart=${process.execPath} server.js`),
    )
    const said = execFileSync('systemd-analyze', ['verify', join(folder, 'app.service')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    expect(said).toBe('')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
