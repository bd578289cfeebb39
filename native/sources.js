// Lists the C++ sources of one OS, for all builds. Run as a program, it prints them for binding.gyp, as paths relative to
// the working directory.
import { readdirSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('.', import.meta.url))

function sourcesIn(folder) {
  return readdirSync(root + folder, { withFileTypes: true })
    .flatMap((entry) => {
      if (entry.isDirectory()) return sourcesIn(`${folder}${entry.name}/`)
      return entry.name.endsWith('.cc') ? [`native/${folder}${entry.name}`] : []
    })
    .toSorted((a, b) => (a < b ? -1 : 1))
}

/** The folders whose sources every system compiles, without the Node-API layer. */
const COMMON = ['port/', 'sampler/', 'util/']

/** The sources below the Node-API layer for one OS, as paths from the top of the package. */
export function samplerSources(os) {
  return [...COMMON, ...(os === 'windows' ? [] : ['posix/']), `${os}/`].flatMap((folder) => sourcesIn(folder))
}

/** All sources of the addon for one OS, as paths from the top of the package. */
export function nativeSources(os) {
  return [...sourcesIn('node/'), ...samplerSources(os)]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const file of nativeSources(process.argv[2])) {
    console.log(relative('.', `${root}../${file}`).replaceAll('\\', '/'))
  }
}
