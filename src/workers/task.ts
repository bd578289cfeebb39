/** What a worker thread is to run: a file, or a function as its text. */
import { isAbsolute, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Script } from 'node:vm'
import { invalidType, invalidValue } from '../base/errors.js'

/** A task that can be sent to another thread. */
export interface Task {
  /** The URL of a module whose default export is the function. */
  readonly file?: string
  /** The text of an expression that has the function as its value. */
  readonly text?: string
  /** For the operation. */
  readonly name: string | undefined
}

/** @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` */
export function taskOf(job: unknown): Task {
  if (typeof job === 'function') return { text: textOf(job), name: job.name === '' ? undefined : job.name }
  if (typeof job === 'string' && job !== '' && !job.startsWith('file:')) {
    return { file: pathToFileURL(isAbsolute(job) ? job : resolve(job)).href, name: undefined }
  }
  const url = job instanceof URL ? job.href : job
  if (typeof url !== 'string') throw invalidType('job', 'a function, a path or a file: URL', job)
  try {
    return { file: pathToFileURL(fileURLToPath(url)).href, name: undefined }
  } catch {
    throw invalidValue('job', 'a function, a path or a file: URL', url)
  }
}

const KINDS = 'a function with a body of its own, which uses nothing from outside itself'

/** The text of a function; a method is text only within an object. */
function textOf(job: Function): string {
  const text = Function.prototype.toString.call(job)
  const kind = Object.prototype.toString.call(job)
  if (/^class\b/.test(text) || kind.includes('Generator')) throw invalidValue('job', KINDS, job)
  for (const each of [`(${text}\n)`, `Object.values({${text}\n})[0]`]) {
    if (compiles(each)) return each
  }
  // Native, bound, a getter, or a method with a name that is private.
  throw invalidValue('job', KINDS, job)
}

function compiles(text: string): boolean {
  try {
    void new Script(text)
    return true
  } catch {
    return false
  }
}
