#include "util/slope.h"

#include "util/time.h"

namespace tripline {

void Slope::Add(uint64_t now, double available) {
  // Over less than 5 ms, the batches in which the kernel updates its counters look like slopes.
  if (at_ != 0 && now - at_ < 5 * kMillisecond) return;
  if (at_ != 0) {
    const double elapsed = ToSeconds(now - at_);
    const double slope = (last_ - available) / elapsed;
    largest_ *= elapsed < 10 ? 1 - elapsed / 20 : 0.5;
    if (slope > largest_) largest_ = slope;
  }
  at_ = now;
  last_ = available;
}

double Slope::Credible() const {
  const double slope = largest_ * 4;
  return slope < kFloor ? kFloor : slope > kCeiling ? kCeiling : slope;
}

}  // namespace tripline
