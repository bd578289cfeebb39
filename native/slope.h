// How fast an amount of memory has been seen to fall, for the sampler to judge how soon a limit can be reached.
#pragma once

#include <cstdint>

#include "platform.h"

namespace tripline {

class Slope {
 public:
  void Add(uint64_t now, double available) {
    // Over less than 5 ms the kernel's batches look like slopes.
    if (at_ != 0 && now - at_ < 5 * kMillisecond) return;
    if (at_ != 0) {
      const double elapsed = static_cast<double>(now - at_) / 1e9;
      const double slope = (last_ - available) / elapsed;
      largest_ *= elapsed < 10 ? 1 - elapsed / 20 : 0.5;
      if (slope > largest_) largest_ = slope;
    }
    at_ = now;
    last_ = available;
  }

  // Bytes a second: four times the fastest lately, but at least what one thread can fill, and at most what no machine
  // exceeds.
  double Credible() const {
    const double slope = largest_ * 4;
    return slope < kFloor ? kFloor : slope > kCeiling ? kCeiling : slope;
  }

  static constexpr double kFloor = 2e9;
  static constexpr double kCeiling = 64e9;

 private:
  uint64_t at_ = 0;
  double last_ = 0;
  double largest_ = 0;
};

}  // namespace tripline
