// What to know about the figures of this suite, whatever they are.
export const NOTES = [
  'Where a note says "median of 1", the run was a shortened one, which `ROUNDS=1 npm run bench -- web` repeats. Without `ROUNDS`, there are five rounds.',
  'Accepted and refused requests are answers. A client that gets none within 5 s gives up and counts under errors and timeouts: refusing early, as under-pressure does, spares clients that wait; refusing late, as protectFastify does, accepts more of them.',
]
