// What to know about the figures of this suite, whatever they are.
export const NOTES = [
  'Where a note says "1 of 1 trials", the run was a shortened one, which `ROUNDS=1 npm run bench -- limiter` repeats. Without `ROUNDS`, there are three rounds.',
  '"Forty times heavier at once" is what no limiter is made for: the tasks that run already need more than there is, and a limiter ends none of them. `docs/limiter.md` says what to do about that.',
]
