// A steady grid of beats: where they lie and which have passed. Pure: no clock, no thread; times are nanoseconds that
// come in from outside.
#pragma once

#include <cstdint>

namespace tripline {

// Beats that have passed and not been taken.
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
  // The first beat that has not been taken, which may have passed.
  uint64_t next() const { return next_; }
  // The first beat after `now`.
  uint64_t After(uint64_t now) const;

  // Takes all beats up to and including `now`. Every beat lies at a whole number of periods from the first one, so that
  // no lateness adds up.
  Beats Take(uint64_t now);

  // The beats after the one that was taken last follow at the new period; the first of them at once if its time has
  // passed. A beat that has passed and not been taken stays.
  void SetPeriod(uint64_t period, uint64_t now);

  // A new grid, whose first beat is at `first`; indexes go on.
  void MoveTo(uint64_t first) { next_ = first; }

  // No beat before `earliest`; where one would have been, the grid moves.
  void NotBefore(uint64_t earliest) {
    if (next_ < earliest) MoveTo(earliest);
  }

 private:
  uint64_t period_;
  uint64_t next_;
  uint64_t index_ = 0;  // of next_
};

}  // namespace tripline
