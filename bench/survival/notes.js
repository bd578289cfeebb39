// What to know about the figures of this suite, whatever they are.
export const NOTES = [
  'With the loop blocked, there is no row for under-pressure as it comes: its timer of 1 s gets no turn of the loop either, as the row for its timer of 100 ms shows.',
  'False alarms have no rows for `isCanceled` and `preemptible()`: the same thread judges the same limit as for the event of tripline, so there can be no others.',
]
