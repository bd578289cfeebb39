#include "sampler/grid.h"

namespace tripline {

uint64_t Grid::After(uint64_t now) const {
  return next_ > now ? next_ : next_ + ((now - next_) / period_ + 1) * period_;
}

Beats Grid::Take(uint64_t now) {
  Beats beats;
  if (next_ > now) return beats;
  beats.count = (now - next_) / period_ + 1;
  beats.index = index_ + beats.count - 1;
  beats.due = next_ + (beats.count - 1) * period_;
  index_ += beats.count;
  next_ = beats.due + period_;
  return beats;
}

void Grid::SetPeriod(uint64_t period, uint64_t now) {
  if (next_ > now) {
    // Before the first beat, `next_` may be less than one period after the clock's zero.
    const uint64_t last = next_ > period_ ? next_ - period_ : 0;
    next_ = last + period > now ? last + period : now;
  }
  period_ = period;
}

}  // namespace tripline
