// How fast an amount of memory has been seen to fall, for the sampler to judge how soon a limit can be reached.
#pragma once

#include <cstdint>

namespace tripline {

class Slope {
 public:
  void Add(uint64_t now, double available);

  // Bytes per second: four times the fastest lately, but at least what one thread can fill, and at most what no machine
  // exceeds.
  double Credible() const;

  static constexpr double kFloor = 2e9;
  static constexpr double kCeiling = 64e9;

 private:
  uint64_t at_ = 0;
  double last_ = 0;
  double largest_ = 0;
};

}  // namespace tripline
