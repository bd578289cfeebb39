/** Finds the file of a command on Windows, and completes its environment. */
import { win32 } from 'node:path'
import { exists } from './exists.js'

// The file types that CreateProcess can run, batch files through cmd.exe. PATHEXT also names scripts of other programs.
const RUNNABLE = ['.com', '.exe', '.bat', '.cmd']

// The list that libuv uses: without these variables, system libraries fail to start.
const NEEDED = [
  'HOMEDRIVE',
  'HOMEPATH',
  'LOGONSERVER',
  'PATH',
  'SYSTEMDRIVE',
  'SYSTEMROOT',
  'TEMP',
  'USERDOMAIN',
  'USERNAME',
  'USERPROFILE',
  'WINDIR',
]

/**
 * Returns the files to try. Unlike in cmd.exe, a bare name is not searched for in the working directory, so that no file
 * there is run by accident.
 */
export function candidates(
  command: string,
  env: NodeJS.ProcessEnv,
  folder: string,
  isFile: (file: string) => boolean = exists,
): string[] {
  const names = namesOf(command, valueOf(env, 'PATHEXT'))
  if (/[\\/:]/.test(command)) return names.map((name) => win32.resolve(folder, name)).filter(isFile)
  return foldersOf(valueOf(env, 'PATH') ?? '')
    .flatMap((each) => names.map((name) => win32.resolve(folder, each, name)))
    .filter(isFile)
}

/** Completes an environment. Of names that differ only in case the first in order wins, as with Node's child processes. */
export function complete(env: NodeJS.ProcessEnv, ours: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const all: NodeJS.ProcessEnv = {}
  const seen = new Set<string>()
  for (const name of Object.keys(env).toSorted()) {
    if (env[name] === undefined || seen.has(name.toUpperCase())) continue
    seen.add(name.toUpperCase())
    all[name] = env[name]
  }
  for (const name of NEEDED) {
    const value = seen.has(name) ? undefined : valueOf(ours, name)
    if (value !== undefined) all[name] = value
  }
  return all
}

/** The names to try. A name with an extension is first tried as it is; a name without one only if it is a path. */
function namesOf(command: string, pathext: string | undefined): string[] {
  const listed = (pathext ?? '').toLowerCase().split(';')
  const endings = listed.some((each) => RUNNABLE.includes(each))
    ? listed.filter((each) => RUNNABLE.includes(each))
    : RUNNABLE
  const names = endings.map((ending) => command + ending)
  if (win32.extname(command) !== '') return [command, ...names]
  return /[\\/:]/.test(command) ? [...names, command] : names
}

/** Splits PATH. Entries may be quoted and then contain semicolons. */
function foldersOf(path: string): string[] {
  return [...path.matchAll(/(?:"[^"]*"|[^;"])+/g)]
    .map(([each]) => each.replaceAll('"', ''))
    .filter((each) => each !== '')
}

function valueOf(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const key = Object.keys(env)
    .toSorted()
    .find((each) => each.toUpperCase() === name && env[each] !== undefined)
  return key === undefined ? undefined : env[key]
}
