// What happens to the tasks. `weight`, by the second, multiplies the memory, the CPU time and the wait of a task.

export const SCENARIOS = {
  'five times heavier for five seconds': { seconds: 30, rate: 70, weight: (at) => (at >= 10 && at < 15 ? 5 : 1) },
  // Here a fixed limit that was chosen well wins: the adaptive one has to find it.
  'the same weight all the time': { seconds: 15, rate: 120, weight: () => 1 },
  // Here guards come too late: the tasks that run already need more than there is.
  'forty times heavier at once': { seconds: 15, rate: 70, weight: (at) => (at >= 5 && at < 6 ? 40 : 1) },
}
