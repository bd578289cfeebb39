// A kernel counter as the cumulative pair that a rate is made of: never backwards, wraps undone.
#pragma once

#include <cstdint>

#include "port/probe.h"
#include "util/counter.h"

namespace tripline {

class Rate {
 public:
  // `counter` may wrap at 32 bits.
  void Add(uint64_t now, uint64_t counter) {
    counter_.AddNarrow(counter);
    elapsed_.Add(now);
  }
  // What comes next is where it starts.
  void Forget() {
    counter_.Forget();
    elapsed_.Forget();
  }
  // Takes back what exceeds this many steps per second.
  void Limit(double per_second) { counter_.Limit(per_second * elapsed_.seconds()); }

  // `unit`: what one step of the counter is worth.
  void Set(Metric metric, double unit, Readings* out) const {
    SetPair(metric, counter_.sum() * unit, elapsed_.seconds(), out);
  }

 private:
  GrowingSum counter_;
  ElapsedTime elapsed_;
};

}  // namespace tripline
