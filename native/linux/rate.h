// A kernel counter as the cumulative pair that a rate is reckoned from: never backwards, wraps undone.
#pragma once

#include <cstdint>

#include "../probe.h"
#include "parse/counters.h"

namespace tripline {

struct Rate {
  bool has_last = false;
  uint64_t last = 0;
  uint64_t last_at = 0;
  double grown = 0;
  double elapsed = 0;  // seconds

  void Add(uint64_t now, uint64_t counter) {
    if (has_last && now > last_at) {
      grown += static_cast<double>(CounterGrowth(last, counter));
      elapsed += static_cast<double>(now - last_at) / 1e9;
    }
    has_last = true;
    last = counter;
    last_at = now;
  }

  // `unit`: what one step of the counter is worth.
  void Set(Metric metric, double unit, Readings* out) const {
    Reading& reading = (*out)[metric];
    reading.state = Reading::kKnown;
    reading.parts = 1;
    reading.num[0] = grown * unit;
    reading.den[0] = elapsed;
  }
};

}  // namespace tripline
