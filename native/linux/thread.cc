// Linux's clocks and thread names, and keeping the library mapped.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <time.h>

#include "port/os_process.h"
#include "port/platform.h"

namespace tripline {
namespace {

uint64_t Now(clockid_t clock) {
  struct timespec now;
  if (clock_gettime(clock, &now) != 0) return 0;
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

uint64_t MonotonicNow() { return Now(CLOCK_MONOTONIC); }

uint64_t SuspendedTotal(uint64_t now) {
  const uint64_t boot = Now(CLOCK_BOOTTIME);
  return boot > now ? boot - now : 0;
}

uint64_t ThreadCpuNow() { return Now(CLOCK_THREAD_CPUTIME_ID); }

void NameThread(const char* name) { pthread_setname_np(pthread_self(), name); }

// Linked with -z nodelete.
void PinLibrary() {}

}  // namespace tripline
