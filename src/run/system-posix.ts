/** Finds the file of a command on POSIX systems. */
import { delimiter, join } from 'node:path'
import { exists } from './exists.js'

const USUAL_PATH = '/usr/local/bin:/usr/bin:/bin'

export function candidates(command: string, env: NodeJS.ProcessEnv): string[] {
  if (command.includes('/')) return [command]
  const folders = (env['PATH'] ?? USUAL_PATH).split(delimiter)
  const there = folders.map((folder) => join(folder === '' ? '.' : folder, command)).filter((file) => exists(file))
  return there.length > 0 ? there : [join('/', command, 'is-not-in-the-path')]
}

export function complete(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return env
}
