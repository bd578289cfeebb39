/** Differences between systems when a command starts: where its file is searched, and what its environment needs. */
import * as posix from './system-posix.js'
import * as windows from './system-windows.js'

export interface System {
  /** The files to try, in this order, as a shell of the system looks for a command. `folder` is where it will run. */
  candidates(command: string, env: NodeJS.ProcessEnv, folder: string): string[]
  /** The environment, with the variables added that every program of the system needs. */
  complete(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv
}

export const system: System = process.platform === 'win32' ? windows : posix
