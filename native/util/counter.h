// Turns kernel counters into amounts that only grow.
#pragma once

#include <cstdint>

#include "util/time.h"

namespace tripline {

// `from` minus `subtracted`, or 0 where that would be negative.
constexpr uint64_t SaturatingDifference(uint64_t from, uint64_t subtracted) {
  return from > subtracted ? from - subtracted : 0;
}

// The growth of a counter that may wrap at 32 bits (drivers, 32-bit kernels, macOS for programs that are not Apple's)
// or start anew. A smaller value counts as a wrap only if that means a growth of at most `most`. Otherwise the counter
// has started anew, and the growth counts as 0 because it cannot be known.
inline uint64_t CounterGrowth(uint64_t old, uint64_t now, uint64_t most = uint64_t{1} << 28) {
  if (now >= old) return now - old;
  constexpr uint64_t kWrap = uint64_t{1} << 32;
  if (old >= kWrap) return 0;
  const uint64_t growth = kWrap - old + now;
  return growth <= most ? growth : 0;
}

// Sums the growth of a counter that may start anew or vanish, neither of which counts as growth.
class GrowingSum {
 public:
  // Adds the value of a counter of 64 bits.
  void Add(uint64_t now) { AddGrowth(now, SaturatingDifference(now, last_)); }
  // Adds the value of a counter that may wrap at 32 bits; see CounterGrowth().
  void AddNarrow(uint64_t now, uint64_t most = uint64_t{1} << 28) { AddGrowth(now, CounterGrowth(last_, now, most)); }
  // Forgets the last value: counting starts again with the next one.
  void Forget() { has_last_ = false; }
  // Reduces the sum to at most `most`.
  void Limit(double most) {
    if (sum_ > most) sum_ = most;
  }
  double sum() const { return sum_; }

 private:
  void AddGrowth(uint64_t now, uint64_t growth) {
    if (has_last_) sum_ += static_cast<double>(growth);
    last_ = now;
    has_last_ = true;
  }

  uint64_t last_ = 0;
  double sum_ = 0;
  bool has_last_ = false;
};

// The time between the first call of Add() and the last one.
class ElapsedTime {
 public:
  void Add(uint64_t now) {
    if (at_ != 0 && now > at_) seconds_ += ToSeconds(now - at_);
    at_ = now;
  }
  // Forgets the last moment: the time starts again with the next call of Add().
  void Forget() { at_ = 0; }
  double seconds() const { return seconds_; }

 private:
  uint64_t at_ = 0;
  double seconds_ = 0;
};

}  // namespace tripline
