// cpu.core: the share of the busiest of many processors, over the last half second. The sampler's windows hold a few
// counters per metric, and a large machine has hundreds of processors.
#pragma once

#include <cstdint>

#include "port/probe.h"
#include "util/list.h"
#include "util/time.h"

namespace tripline {

class BusiestCore {
 public:
  // A pass over the processors: Begin(), Add() for each that counts, Report().
  void Begin(uint64_t now);
  // `busy` and `all` are cumulative, in any unit, and never go backwards. A processor that a pass leaves out starts
  // anew.
  void Add(uint32_t number, double busy, double all);
  // Writes nothing while the window is not full. `wanted` is unavailable where no processor was added.
  void Report(MetricMask wanted, Readings* out);

  // Whether a pass now would yield anything new.
  bool IsDue(uint64_t now) const { return count_ == 0 || now - MarkAt(count_ - 1) >= kWindow / kMarks; }

 private:
  static constexpr uint64_t kWindow = 500 * kMillisecond;
  static constexpr uint64_t kLongestGap = 5 * kSecond;
  static constexpr uint32_t kMarks = 8;

  struct Sample {
    double busy = 0;
    double all = -1;  // negative: the processor was not added
  };

  uint64_t MarkAt(uint32_t age) const { return at_[(first_ + age) % kMarks]; }

  uint64_t now_ = 0;
  List<Sample> current_;
  uint32_t added_ = 0;
  // A ring: the oldest sample is at first_.
  uint64_t at_[kMarks] = {};
  List<Sample> samples_[kMarks];
  uint32_t first_ = 0;
  uint32_t count_ = 0;
};

}  // namespace tripline
