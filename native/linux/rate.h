// A kernel counter as the cumulative pair that a rate is reckoned from: never backwards, wraps undone.
#pragma once

#include <cstdint>

#include "linux/families.h"
#include "linux/parse/counters.h"

namespace tripline {

struct Rate {
  bool has_last = false;
  uint64_t last = 0;
  uint64_t last_at = 0;
  double grown = 0;
  double elapsed = 0;  // seconds

  void Add(uint64_t now, uint64_t counter);

  // `unit`: what one step of the counter is worth.
  void Set(Metric metric, double unit, Readings* out) const { SetPair(metric, grown * unit, elapsed, out); }
};

}  // namespace tripline
