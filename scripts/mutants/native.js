// Builds the native test program, or the addon, with one mutant in it. Objects of the unchanged sources are compiled once; a
// mutant is a file of its own that takes the place of one of them, so that nothing is restored.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

/** Thrown for a mutant that does not compile. */
export class DoesNotCompile extends Error {}

const objectOf = (source) => `${source.replaceAll('/', '-').replace(/\.\w+$/, '')}.o`

const place = (kind) => path.join('.cache/mutants', kind)

/** The builds of a checkout in `folder`. */
export async function nativeBuilds(folder) {
  const load = (file) => import(pathToFileURL(path.join(folder, file)).href)
  const cxx = await load('scripts/lib/cxx.js')
  const { nativeSources } = await load('native/sources.js')
  const { programs } = await load('scripts/lib/native-tests.js')
  // Without -g, which doubles the time to link.
  const plain = [...cxx.testFlags.filter((flag) => flag !== '-g'), ...cxx.includeFlags]
  const builds = {
    addon: {
      sources: nativeSources(cxx.hostOs),
      flags: [...plain, ...cxx.addonFlags, ...cxx.nodeApiFlags()],
    },
  }
  // A release that is left out shows as a leak at the end of the program.
  const leaks = cxx.hostOs === 'linux' ? ['-fsanitize=leak'] : []
  for (const [index, { own, sources }] of programs.entries())
    builds[`tests-${index}`] = { sources, flags: [...own, ...plain, ...leaks] }
  const command = [cxx.systemCompiler]

  const compileBase = async (kind) => {
    const build = builds[kind]
    if (build.objects !== undefined) return
    mkdirSync(path.join(folder, place(kind)), { recursive: true })
    const options = { command, flags: build.flags, folder: place(kind), incremental: true }
    build.objects = await cxx.compileAll(build.sources, options)
  }

  /** The sources of a build that a file is part of. */
  const usersOf = (kind, file) =>
    builds[kind].sources.filter((source) => {
      const list = path.join(folder, place(kind), objectOf(source).replace(/\.o$/, '.d'))
      return readFileSync(list, 'utf8')
        .split(/[\s\\]+/)
        .includes(file)
    })

  const link = async (kind, objects, output) => {
    if (kind === 'addon') return cxx.linkAddon(objects, output)
    const list = path.join(folder, place(kind), 'objects')
    writeFileSync(list, objects.join('\n'))
    await cxx.run(cxx.systemCompiler, [...builds[kind].flags, `@${list}`, '-o', output, '-pthread'])
    return undefined
  }

  return {
    /** Builds `kind` into `output`, with `text` in place of `file` if they are given. @throws DoesNotCompile */
    async build(kind, output, file, text) {
      await compileBase(kind)
      const { sources, objects, flags } = builds[kind]
      if (file === undefined) return link(kind, objects, output)
      const overlay = '.cache/mutants/overlay'
      rmSync(path.join(folder, overlay), { recursive: true, force: true })
      const written = path.join(overlay, file)
      mkdirSync(path.dirname(path.join(folder, written)), { recursive: true })
      mkdirSync(path.join(folder, overlay, 'objects'), { recursive: true })
      writeFileSync(path.join(folder, written), text)
      const changed = file.endsWith('.h') ? usersOf(kind, file) : [file]
      const compiled = changed.map((source) => (source === file ? written : source))
      let made
      try {
        made = await cxx.compileAll(compiled, {
          command,
          flags: ['-iquote', path.join(overlay, 'native'), ...flags],
          folder: path.join(overlay, 'objects'),
        })
      } catch (error) {
        throw new DoesNotCompile(error.message)
      }
      const replaced = new Map(changed.map((source, index) => [source, made[index]]))
      return link(
        kind,
        sources.map((source, index) => replaced.get(source) ?? objects[index]),
        output,
      )
    },

    /**
     * The test programs that a file is part of, each with its test files that include what the file declares, or whose names
     * match.
     */
    async programsOf(file, match) {
      const header = file.replace(/\.cc$/, '.h')
      const found = []
      for (const kind of Object.keys(builds).filter((each) => each !== 'addon')) {
        await compileBase(kind)
        const users = new Set([...usersOf(kind, file), ...usersOf(kind, header)])
        if (users.size === 0) continue
        const sources = builds[kind].sources.filter(
          (source) => source.startsWith('test/') && (users.has(source) || match?.test(path.basename(source))),
        )
        if (sources.length > 0) found.push({ kind, sources })
      }
      return found
    },
  }
}

/** The names of the tests in a file of test/native. */
export function testsIn(text) {
  return [...text.matchAll(/^TEST\((\w+)\)/gm)].map(([, name]) => name)
}
