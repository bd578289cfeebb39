// Clocks, the lock and threads on macOS.
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "platform.h"

namespace tripline {
namespace {

constexpr size_t kStackSize = 128 * 1024;

struct ThreadStart {
  void (*body)(void*);
  void* argument;
  char name[16];
};

void* ThreadMain(void* raw) {
  const ThreadStart start = *static_cast<ThreadStart*>(raw);
  delete static_cast<ThreadStart*>(raw);
  pthread_setname_np(start.name);
  start.body(start.argument);
  return nullptr;
}

}  // namespace

// Stands still while the machine sleeps, as mach_absolute_time() does.
uint64_t MonotonicNow() { return clock_gettime_nsec_np(CLOCK_UPTIME_RAW); }

uint64_t SuspendedTotal() {
  const uint64_t awake = clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
  const uint64_t all = clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW);
  return all > awake ? all - awake : 0;
}

uint64_t ThreadCpuNow() { return clock_gettime_nsec_np(CLOCK_THREAD_CPUTIME_ID); }

Mutex::Mutex() = default;
void Mutex::Lock() { pthread_mutex_lock(&os_.mutex); }
void Mutex::Unlock() { pthread_mutex_unlock(&os_.mutex); }

bool StartThread(void (*body)(void*), void* argument, const char* name) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStackSize);

  auto* start = new ThreadStart{body, argument, {}};
  for (size_t i = 0; i + 1 < sizeof(start->name) && name[i] != '\0'; i++) start->name[i] = name[i];

  // A thread inherits the mask: signals of the process must go to the threads of the host, never to ours.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, ThreadMain, start);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (error != 0) delete start;
  return error == 0;
}

// Keeps the thread off the efficiency cores and its timers out of coalescing.
void PreferPunctuality() { pthread_set_qos_class_self_np(QOS_CLASS_USER_INITIATED, 0); }

void PinLibrary() {
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&PinLibrary), &self) != 0 && self.dli_fname != nullptr) {
    dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  }
}

}  // namespace tripline
