// A steady grid of beats. Pure: no clock, no thread; times are passed in, in nanoseconds.
#pragma once

#include <cstdint>

namespace tripline {

// Beats that have passed since the last Take().
struct Beats {
  uint64_t count = 0;
  uint64_t index = 0;  // of the last of them, counted from 0
  uint64_t due = 0;    // when that one was due
};

class Grid {
 public:
  // `period` is more than 0.
  Grid(uint64_t first, uint64_t period) : period_(period), next_(first) {}

  uint64_t period() const { return period_; }
  // The first beat that has not been taken; it may be in the past.
  uint64_t next() const { return next_; }
  // The first beat after `now`.
  uint64_t After(uint64_t now) const;

  // Takes all beats up to and including `now`. Every beat is a whole number of periods after the first one, so lateness
  // does not add up.
  Beats Take(uint64_t now);

  // Later beats follow the last one at the new period; the first of them is due at once if its time has passed. A beat
  // that has passed but was not taken is kept.
  void SetPeriod(uint64_t period, uint64_t now);

  // Starts a new grid at `first`; the numbering of beats continues.
  void MoveTo(uint64_t first) { next_ = first; }

  // Moves the grid if its next beat would be before `earliest`.
  void NotBefore(uint64_t earliest) {
    if (next_ < earliest) MoveTo(earliest);
  }

 private:
  uint64_t period_;
  uint64_t next_;
  uint64_t index_ = 0;  // of next_
};

}  // namespace tripline
