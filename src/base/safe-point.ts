/** Where functions of the library wait for the end of a region that is ordered to end. See `native/node/region.h`. */

let words: Int32Array = new Int32Array(1)
let place = 0

/** The word that native code sets while the innermost region is ordered to end. */
export function watchOrder(memory: Int32Array, word: number): void {
  words = memory
  place = word
}

/**
 * Waits until a region that is ordered to end has ended here. Functions that code in regions calls do that before they change
 * anything, so that they are not ended in the middle, and so that code which calls nothing else is ended at all. Native code
 * knows this function by its name, and expects that the user's code called the one that calls it.
 */
export function waitForEnd(): void {
  // It returns where the user's code was itself called by code that must not be ended.
  while (Atomics.load(words, place) !== 0);
}
