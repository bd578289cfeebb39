// Requests to Linux's scheduler for more than a fair share.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "port/platform.h"

namespace tripline {
namespace {

constexpr unsigned long kTimerSlack = 1000;
constexpr uint64_t kSlice = 100 * 1000;
constexpr uint64_t kResetOnFork = 0x01;  // SCHED_FLAG_RESET_ON_FORK

// struct sched_attr, which not every C library has.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0;  // of an ordinary thread: its slice
  uint64_t deadline = 0;
  uint64_t period = 0;
};

bool Get(SchedulingAttributes* attributes) {
#ifdef SYS_sched_getattr
  return syscall(SYS_sched_getattr, 0, attributes, sizeof(*attributes), 0) == 0;
#else
  (void)attributes;
  return false;
#endif
}

bool Set(const SchedulingAttributes& attributes) {
#ifdef SYS_sched_setattr
  return syscall(SYS_sched_setattr, 0, &attributes, 0) == 0;
#else
  (void)attributes;
  return false;
#endif
}

}  // namespace

void PreferPunctuality() {
  // Only waits that do not use a timerfd have slack, but those are the ones that triggers end.
  prctl(PR_SET_TIMERSLACK, kTimerSlack, 0UL, 0UL, 0UL);
  // Kernels from 6.12 on let any thread ask for a short EEVDF slice; older ones ignore it or refuse, which is as good.
  // All other fields keep their values: the nice value is the user's choice.
  SchedulingAttributes attributes;
  if (!Get(&attributes) || attributes.policy != SCHED_OTHER) return;
  attributes.runtime = kSlice;
  attributes.flags &= kResetOnFork;
  Set(attributes);
}

Punctuality ObtainedPunctuality() {
  Punctuality obtained;
  const int slack = prctl(PR_GET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL);
  if (slack > 0) obtained.timer_slack = static_cast<uint64_t>(slack);
  SchedulingAttributes attributes;
  if (!Get(&attributes)) return obtained;
  obtained.real_time = attributes.policy == SCHED_FIFO;
  // Kernels without slices return 0.
  if (attributes.policy == SCHED_OTHER) obtained.slice = attributes.runtime;
  return obtained;
}

bool SetRealTime(bool on) {
  // The lowest real-time priority is ahead of all ordinary threads, and behind everything that has a higher priority on
  // purpose.
  struct sched_param parameters = {};
  parameters.sched_priority = on ? 1 : 0;
  // Not with the library's function: musl's always refuses, because POSIX means a process and the kernel means a
  // thread.
  if (syscall(SYS_sched_setscheduler, 0, on ? SCHED_FIFO : SCHED_OTHER, &parameters) != 0) return false;
  if (!on) PreferPunctuality();
  return true;
}

}  // namespace tripline
