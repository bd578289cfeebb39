// What to know about the figures of this suite, whatever they are.
export const NOTES = [
  'tripline delivers no beat that it has missed: after a stall it makes one call, and reports the others as missed. The bare native thread and `Atomics.wait` in a worker deliver every beat, however late. So they reach their full rate, and the ratio of late p99 compares these two ways rather than two clocks; late p50 and CPU compare like with like.',
  "`missed: 'burst'` of `every()` delivers missed beats, too.",
]
