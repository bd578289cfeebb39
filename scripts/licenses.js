// Writes THIRD-PARTY-LICENSES.md: the licenses of the code of others that the package contains, compiled or copied, as
// their own files have them. `--check` compares instead. The code is that of the installed packages and of the compiler.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './lib/cxx.js'
import { zigFolder } from './prebuild/toolchain.js'

const file = join(root, 'THIRD-PARTY-LICENSES.md')

const parts = () => [
  {
    name: 'node-addon-api',
    where: 'Headers, compiled into every file of `prebuilds/`.',
    from: join(root, 'node_modules/node-addon-api/LICENSE.md'),
  },
  {
    name: 'node-api-headers',
    where: 'Declarations of Node-API, compiled into every file of `prebuilds/`.',
    from: join(root, 'node_modules/node-api-headers/LICENSE'),
  },
  {
    name: 'Zig',
    where: 'Helper functions of its `compiler_rt` in the files of `prebuilds/` for ARM and Windows.',
    from: join(zigFolder(), 'LICENSE'),
  },
  {
    name: 'mingw-w64',
    where: 'Its start-up code, in the files of `prebuilds/` for Windows.',
    from: join(zigFolder(), 'lib/libc/mingw/COPYING'),
  },
  {
    name: 'uPlot',
    where: 'A copy in `dist/dashboard/`, which draws the charts of the page in the browser.',
    from: join(root, 'node_modules/uplot/LICENSE'),
  },
]

const quoted = (text) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => `    ${line}`.trimEnd())
    .join('\n')

function render() {
  const sections = parts().map(
    ({ name, where, from }) => `## ${name}\n\n${where}\n\n${quoted(readFileSync(from, 'utf8'))}\n`,
  )
  const head = [
    '# Code of others in this package',
    '',
    'tripline has the MIT license, which is in the file LICENSE. The package also contains code of the projects below, under their',
    'licenses. The package `node-gyp-build`, which is installed beside it, and the optional peers have licenses of their own.',
    'Written by `node scripts/licenses.js`.',
  ]
  return `${head.join('\n')}\n\n${sections.join('\n')}`
}

if (process.argv[2] !== '--check') writeFileSync(file, render())
else if (readFileSync(file, 'utf8') !== render()) {
  console.error('THIRD-PARTY-LICENSES.md is out of date: node scripts/licenses.js')
  process.exitCode = 1
}
