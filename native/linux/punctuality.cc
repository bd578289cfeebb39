// What the scheduler gives a thread on Linux beyond fair shares.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform.h"

namespace tripline {

Punctuality ObtainedPunctuality() {
  Punctuality obtained;
  const int slack = prctl(PR_GET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL);
  if (slack > 0) obtained.timer_slack = static_cast<uint64_t>(slack);
#ifdef SYS_sched_getattr
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes = {};
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) == 0) {
    obtained.real_time = attributes.policy == SCHED_FIFO;
    // Kernels that know no slices answer 0.
    if (attributes.policy == SCHED_OTHER) obtained.slice = attributes.runtime;
  }
#endif
  return obtained;
}

bool SetRealTime(bool on) {
  // The lowest of the real-time priorities is ahead of everything that has none, and behind what was meant to be.
  struct sched_param parameters = {};
  parameters.sched_priority = on ? sched_get_priority_min(SCHED_FIFO) : 0;
  if (sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &parameters) != 0) return false;
  if (!on) PreferPunctuality();
  return true;
}

}  // namespace tripline
