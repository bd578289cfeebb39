// Counters of kernels as amounts that only grow.
#pragma once

#include <cstdint>

#include "util/time.h"

namespace tripline {

// `from` less `subtracted`, and 0 where that would be negative.
constexpr uint64_t SaturatingDifference(uint64_t from, uint64_t subtracted) {
  return from > subtracted ? from - subtracted : 0;
}

// How far a counter has come that wraps at 32 bits (drivers, 32-bit kernels, macOS for programs that are not Apple's)
// or starts anew. One that is smaller than before is taken for a wrap only where it has then grown by at most `most`;
// any other has started anew, and what it has is not known to be new.
inline uint64_t CounterGrowth(uint64_t old, uint64_t now, uint64_t most = uint64_t{1} << 28) {
  if (now >= old) return now - old;
  constexpr uint64_t kWrap = uint64_t{1} << 32;
  if (old >= kWrap) return 0;
  const uint64_t growth = kWrap - old + now;
  return growth <= most ? growth : 0;
}

// Sums a counter that may start anew or vanish; what is lost then does not show as growth.
class GrowingSum {
 public:
  // A counter of 64 bits.
  void Add(uint64_t now) { AddGrowth(now, SaturatingDifference(now, last_)); }
  // One that may wrap at 32 bits; see CounterGrowth().
  void AddNarrow(uint64_t now, uint64_t most = uint64_t{1} << 28) { AddGrowth(now, CounterGrowth(last_, now, most)); }
  // What comes next is where it starts.
  void Forget() { has_last_ = false; }
  // Takes back what is more than `most`.
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
  // What comes next is where it starts again.
  void Forget() { at_ = 0; }
  double seconds() const { return seconds_; }

 private:
  uint64_t at_ = 0;
  double seconds_ = 0;
};

}  // namespace tripline
