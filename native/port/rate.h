// Turns a kernel counter into the cumulative pair of a rate, which never goes backwards and has wraps undone.
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
  // Forgets the last value: counting starts again with the next one.
  void Forget() {
    counter_.Forget();
    elapsed_.Forget();
  }
  // Discards growth beyond this many steps per second.
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
