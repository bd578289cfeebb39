// Compiles src into dist: tsc emits types and code, and rolldown bundles the code (rolldown.config.js explains why).
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { finishEntries } from './lib/entries.js'

const root = fileURLToPath(new URL('..', import.meta.url))

// Removes the output of files that were deleted from src, so that it is not published.
for (const stale of ['dist', '.cache/ts', '.cache/types']) rmSync(join(root, stale), { recursive: true, force: true })

const STEPS = [
  ['tsc', '-p', 'tsconfig.build.json'],
  // The code of a page, for browsers, which rolldown compiles.
  ['tsc', '-p', 'src/integrations/dashboard/page/tsconfig.json'],
  ['rolldown', '-c'],
]
for (const [command, ...args] of STEPS) {
  const { status } = spawnSync(join(root, 'node_modules/.bin', command), args, {
    cwd: root,
    // Shows errors only.
    stdio: ['ignore', command === 'rolldown' ? 'ignore' : 'inherit', 'inherit'],
  })
  if (status !== 0) process.exit(status ?? 1)
}
finishEntries(join(root, 'dist'))
