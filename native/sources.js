// The C++ sources of one OS, for everything that compiles them; prints them as paths from here, for binding.gyp.
import { readdirSync } from 'node:fs'
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

/** The folders whose sources every system compiles. */
const COMMON = ['node/', 'port/', 'sampler/', 'util/']

/** Paths below the package of the common sources, of those that POSIX systems share, and of those of the OS. */
export function nativeSources(os) {
  return [...COMMON, ...(os === 'windows' ? [] : ['posix/']), `${os}/`].flatMap((folder) => sourcesIn(folder))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const file of nativeSources(process.argv[2])) console.log(file.slice('native/'.length))
}
