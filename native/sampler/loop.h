// The metrics of one environment's event loop: eventLoop.delay, eventLoop.utilization, heap, heap.used.
//
// The sampling thread reads the loop's idle clock (idle_clock.h). A loop that waits is not delayed, and is not woken.
// One that does not wait may be blocked or only busy, which a heartbeat decides: a message that its next turn answers.
// Hosts without an idle clock get a heartbeat with each read.
//
// Another thread cannot read the figures of V8's heap: JavaScript reports them with a heartbeat. While the loop has
// done nothing since, they are still right, and no heartbeat is sent.
#pragma once

#include <cstdint>

#include "port/probe.h"
#include "sampler/idle_clock.h"

namespace tripline {

class Environment;

// The probe of Family::kLoop, which no OS folder has. `environment` must outlive it.
Probe* MakeLoopProbe(Environment* environment);

struct Heartbeat {
  uint64_t sent = 0;      // when the sampler asked; 0 for never
  uint64_t answered = 0;  // of the latest answer
  uint64_t delay = 0;     // of the latest answer; 0 once it was used
  uint64_t number = 0;    // of the latest question, counted from 1
  uint64_t lasted = 0;    // how long its answer took
  uint64_t still = 0;     // total time in which the process was stopped while the loop was busy
  bool outstanding() const { return sent > answered; }

  void Answer(uint64_t now) {
    if (!outstanding()) return;
    // Later than the question even on a coarse clock.
    answered = now > sent ? now : sent + 1;
    lasted = now - sent;
    if (lasted > delay) delay = lasted;
  }
};

// What only JavaScript knows, and gives when it is asked.
struct LoopFigures {
  uint64_t at = 0;       // 0 for never
  double idle_ms = 0;    // cumulative time that the loop has waited; NaN where it is not counted
  double heap_used = 0;  // V8's heap and its limit, in bytes
  double heap_limit = 0;
  IdleLook look;  // at the loop at that time
};

}  // namespace tripline
