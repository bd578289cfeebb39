// The event loop of one JavaScript environment, seen from the sampling thread by a heartbeat that exists only while one
// of its metrics is wanted: eventLoop.delay, eventLoop.utilization, heap, heap.used.
#pragma once

#include <memory>

#include "port/probe.h"

namespace tripline {

class Environment;

// The probe of Family::kLoop, which no OS folder has. `environment` must outlive it.
Probe* MakeLoopProbe(Environment* environment);

// What JavaScript answers to a heartbeat.
struct Heartbeat {
  uint64_t sent = 0;      // when the sampler asked; 0 for never
  uint64_t answered = 0;  // of the latest answer
  uint64_t delay = 0;     // of the latest answer
  double idle_ms = 0;     // cumulative time that the loop has spent waiting; NaN where it is not counted
  double heap_used = 0;   // V8's heap and its limit, in bytes
  double heap_limit = 0;
  uint64_t still = 0;  // in all, while the loop was not waiting
  bool outstanding() const { return sent > answered; }

  // The process was stopped for `gap` nanoseconds before `now`: a loop that was to answer could not.
  void DiscountGap(uint64_t gap, uint64_t now) {
    if (!outstanding()) return;
    const uint64_t stopped = now - sent > gap ? gap : now - sent;
    sent += stopped;
    still += stopped;
  }
};

}  // namespace tripline
