/** Whether this runtime's V8 can be reached by the addon: its functions have no promised names, and other engines lack them. */
import { join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ownCodeFolder } from '../base/package.js'
import { loadAddon } from './native.js'

/** Loops long enough to be interrupted; short enough that an interrupt that never comes does no harm. */
export function engineProbe(): number {
  let sum = 0
  for (let i = 0; i < 1e6; i++) sum += i
  return sum
}

let problem: string | undefined

/**
 * Why interrupts, stacks and the heap's limit cannot be used in this runtime; empty if they can. Tried once per thread.
 *
 * @throws NativeMissingError
 */
export function engineProblem(): string {
  if (problem !== undefined) return problem
  const addon = loadAddon()
  const folder = ownCodeFolder()
  if (folder === undefined) return (problem = 'the code of tripline is part of a bundle, where it cannot be recognized')
  const answer = addon.testEngine(engineProbe, join(folder, sep), pathToFileURL(join(folder, sep)).href)
  return (problem = answer === true ? '' : answer)
}

let heapWatchers = 0

/** Whether V8's warning that its heap is almost full is about this metric. */
export function isOfHeap(metric: string): boolean {
  return metric === 'heap' || metric === 'heap.used'
}

/** A limit on the heap is watched, so that warning has to reach it. */
export function holdHeapWatch(): void {
  if (engineProblem() !== '') return
  heapWatchers++
  loadAddon().watchHeap(true)
}

/** It reaches it again, if that has ended because the heap was used up; called when the thread is well again. */
export function renewHeapWatch(): void {
  if (heapWatchers > 0) loadAddon().watchHeap(true)
}

/** That limit is watched no longer. */
export function releaseHeapWatch(): void {
  if (engineProblem() === '' && --heapWatchers === 0) loadAddon().watchHeap(false)
}
