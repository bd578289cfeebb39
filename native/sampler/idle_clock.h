// The total time for which an event loop has waited, as counted by its own library: on Node, uv_metrics_idle_time().
#pragma once

#include <cstdint>

namespace tripline {

// The state of a loop, as read by another thread.
struct IdleLook {
  uint64_t at = 0;       // MonotonicNow() of the read
  uint64_t idle = 0;     // nanoseconds that the loop has waited so far; 0 if that is not counted, or not yet
  bool waiting = false;  // it waits at this moment, so it would start new work at once
};

// It also advances during a wait, so another thread can see whether the loop waits. A read makes no call into
// the loop and does not wake its thread.
struct IdleClock {
  uint64_t (*read)(void* loop) = nullptr;  // in nanoseconds; may be called on any thread. nullptr: there is no clock
  void* loop = nullptr;                    // must exist while read() is called

  // A clock that never moves yields a loop that never waits.
  IdleLook Look() const;
};

}  // namespace tripline
