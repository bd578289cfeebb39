// Clocks, thread names, thread classes and library pinning on macOS.
#include <dlfcn.h>
#include <pthread.h>
#include <time.h>

#include "port/os_process.h"
#include "port/platform.h"

namespace tripline {

// This clock stops while the machine sleeps, as mach_absolute_time() does.
uint64_t MonotonicNow() { return clock_gettime_nsec_np(CLOCK_UPTIME_RAW); }

uint64_t SuspendedTotal(uint64_t now) {
  const uint64_t all = clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW);
  return all > now ? all - now : 0;
}

uint64_t ThreadCpuNow() { return clock_gettime_nsec_np(CLOCK_THREAD_CPUTIME_ID); }

void NameThread(const char* name) { pthread_setname_np(name); }

// Keeps the thread off the efficiency cores and exempts its timers from coalescing.
void PreferPunctuality() { pthread_set_qos_class_self_np(QOS_CLASS_USER_INITIATED, 0); }

void PinLibrary() {
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&PinLibrary), &self) != 0 && self.dli_fname != nullptr) {
    dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  }
}

}  // namespace tripline
