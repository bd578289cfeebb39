// How long an event loop has waited in all, as its own library counts it: on Node, uv_metrics_idle_time().
#pragma once

#include <cstdint>

namespace tripline {

// One look at a loop from outside.
struct IdleLook {
  uint64_t at = 0;       // MonotonicNow() of the look
  uint64_t idle = 0;     // nanoseconds that the loop has waited so far; 0 if that is not counted, or not yet
  bool waiting = false;  // it waits at this moment, so it would take up new work at once
};

// Counts up in the middle of a wait too, so that a look from another thread says whether the loop waits. Costs no call
// into the loop and no wake-up of its thread.
struct IdleClock {
  uint64_t (*read)(void* loop) = nullptr;  // in nanoseconds; may be called on any thread. nullptr: there is no clock
  void* loop = nullptr;                    // must exist while read() is called

  // A clock that never moves yields a loop that never waits.
  IdleLook Look() const;
};

}  // namespace tripline
