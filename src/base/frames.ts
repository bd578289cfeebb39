/** Frames of JavaScript stacks, and which of them are the user's. */
import { pathToFileURL } from 'node:url'
import { sep } from 'node:path'
import { ownCodeFolder } from './package.js'
import type { StackFrame } from './reason.js'

let own: readonly string[] | undefined

/** What the files of this library begin with; none in a bundle, where it has no files of its own. */
function ownPrefixes(): readonly string[] {
  if (own === undefined) {
    const folder = ownCodeFolder()
    own = folder === undefined ? [] : [folder + sep, pathToFileURL(folder + sep).href]
  }
  return own
}

/** The topmost frame that belongs neither to Node nor to this library. */
export function topFrame(stack: readonly StackFrame[]): StackFrame | undefined {
  const ours = ownPrefixes()
  return stack.find(({ file }) => !file.startsWith('node:') && !ours.some((prefix) => file.startsWith(prefix)))
}

/** `'render (/app/page.js:12:7)'`; without a file, the code came from `eval` or a function's constructor. */
export function describeFrame({ function: name, file, line, column }: StackFrame): string {
  const place = `${file === '' ? 'eval' : file}:${line}:${column}`
  return name === '' ? place : `${name} (${place})`
}
