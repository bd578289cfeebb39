/** Stacks of blocked event loops: whether they can be taken here, and what they look like to users. */
import { loadBuiltin } from '../base/builtin.js'
import type { StackFrame } from '../base/reason.js'
import { engineProbe } from './engine.js'
import { loadAddon } from './native.js'

let problem: string | undefined

/**
 * Why the stack of a blocked loop cannot be taken in this runtime; empty if it can. From the first call on, the sampling
 * thread may ask this thread for it.
 *
 * @throws NativeMissingError
 */
export function watchStacks(): string {
  if (problem !== undefined) return problem
  const answer = loadAddon().watchStacks(engineProbe)
  problem = answer === true ? '' : answer
  return problem
}

/** The frames as users see them: in the sources, where Node has source maps (`--enable-source-maps`). */
export function toFrames(frames: readonly StackFrame[]): readonly StackFrame[] {
  return Object.freeze(frames.map((each) => Object.freeze(inSource(each))))
}

function inSource(frame: StackFrame): StackFrame {
  if (frame.file === '' || frame.file.startsWith('node:')) return frame
  try {
    const entry = loadBuiltin('node:module')
      .findSourceMap?.(frame.file)
      ?.findEntry(frame.line - 1, frame.column - 1)
    if (entry === undefined || !('originalSource' in entry)) return frame
    const { originalSource, originalLine, originalColumn } = entry
    return { ...frame, file: originalSource, line: originalLine + 1, column: originalColumn + 1 }
  } catch {
    // A map that cannot be read.
    return frame
  }
}
