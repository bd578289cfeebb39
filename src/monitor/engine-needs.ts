/** What limits need of V8: stacks of blocked code, and its warning that the heap is almost full. */
import { holdHeapWatch, isOfHeap, releaseHeapWatch } from '../addon/engine.js'
import { watchStacks } from '../addon/stacks.js'
import type { ParsedLimit } from './limits.js'

/** Before such limits are watched: without it, evidence has no stack. */
export function needStacks(limits: readonly ParsedLimit[]): void {
  if (limits.some(({ stack }) => stack)) watchStacks()
}

/** Lets V8 warn about limits on the heap; returns a function that ends that, or undefined if there are no such limits. */
export function needHeapWarning(limits: readonly ParsedLimit[]): (() => void) | undefined {
  if (!limits.some(({ info }) => isOfHeap(info.name))) return undefined
  holdHeapWatch()
  return releaseHeapWatch
}
