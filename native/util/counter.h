// Counters of kernels as amounts that only grow.
#pragma once

#include <cstdint>

namespace tripline {

// How far a counter has come, when it may have wrapped at 32 bits (drivers, 32-bit kernels, macOS for programs that are
// not Apple's) or have started anew.
inline uint64_t CounterGrowth(uint64_t old, uint64_t now) {
  if (now >= old) return now - old;
  constexpr uint64_t kWrap = uint64_t{1} << 32;
  // Only from the upper half into the lower half of 32 bits; everything else is a new counter, and what it has is not
  // known to be new.
  const bool wrapped = old < kWrap && old >= kWrap / 2 && now < kWrap / 2;
  return wrapped ? kWrap - old + now : 0;
}

// Sums a counter that may start anew or vanish; what is lost then does not show as growth.
class GrowingSum {
 public:
  // One of 64 bits.
  void Add(uint64_t now) { AddGrowth(now, now > last_ ? now - last_ : 0); }
  // One that may wrap at 32 bits.
  void AddNarrow(uint64_t now) { AddGrowth(now, CounterGrowth(last_, now)); }
  // What comes next is where it starts.
  void Forget() { has_last_ = false; }
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

}  // namespace tripline
