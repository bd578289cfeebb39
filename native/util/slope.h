// How fast an amount of memory was seen to fall, from which the sampler estimates how soon a limit can be reached.
#pragma once

#include <cstdint>

namespace tripline {

class Slope {
 public:
  void Add(uint64_t now, double available);

  // Bytes per second: four times the fastest recent fall, but at least what one thread can fill and at most what any
  // machine can.
  double Credible() const;

  static constexpr double kFloor = 2e9;
  static constexpr double kCeiling = 64e9;

 private:
  uint64_t at_ = 0;
  double last_ = 0;
  double largest_ = 0;
};

}  // namespace tripline
