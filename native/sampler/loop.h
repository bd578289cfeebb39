// The metrics of one environment's event loop: eventLoop.delay, eventLoop.utilization, heap, heap.used. The sampling
// thread measures them by a heartbeat, which exists only while one of them is used.
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
  uint64_t still = 0;  // total time in which the process was stopped while the loop was busy
  bool outstanding() const { return sent > answered; }

  // Subtracts the `gap` nanoseconds before `now` in which the process was stopped and the loop could not answer.
  void DiscountGap(uint64_t gap, uint64_t now) {
    if (!outstanding()) return;
    const uint64_t stopped = now - sent > gap ? gap : now - sent;
    sent += stopped;
    still += stopped;
  }
};

}  // namespace tripline
