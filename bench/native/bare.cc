// The minimum that a ticker needs: a thread that sleeps until an absolute time and makes one thread-safe call per tick.
// Linux only. Like tripline's thread, it requests 1 us of timer slack and a short time slice.
#include <linux/types.h>
#include <node_api.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace {

constexpr uint64_t kSecond = 1000000000;

struct SchedulingAttributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};

pthread_t thread;
napi_threadsafe_function function;
uint64_t start;
uint64_t period;
std::atomic<bool> running{false};

uint64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

void* Tick(void*) {
  prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
  SchedulingAttributes attributes = {};
  attributes.size = sizeof(attributes);
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) == 0 && attributes.policy == SCHED_OTHER) {
    attributes.runtime = 100000;
    attributes.flags = 0;
    syscall(SYS_sched_setattr, 0, &attributes, 0);
  }
  for (uint64_t due = start; running.load(std::memory_order_relaxed); due += period) {
    const timespec at = {static_cast<time_t>(due / kSecond), static_cast<long>(due % kSecond)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
    napi_call_threadsafe_function(function, nullptr, napi_tsfn_nonblocking);
  }
  return nullptr;
}

void CallBody(napi_env env, napi_value body, void*, void*) {
  if (env == nullptr || body == nullptr) return;
  napi_value undefined;
  napi_get_undefined(env, &undefined);
  napi_call_function(env, undefined, body, 0, nullptr, nullptr);
}

// start(periodMs, body): returns when the first tick is due, in milliseconds on the clock of now().
napi_value Start(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  double milliseconds = 0;
  napi_get_value_double(env, arguments[0], &milliseconds);
  period = static_cast<uint64_t>(milliseconds * 1e6);
  start = Now() + period;
  napi_value name;
  napi_create_string_utf8(env, "bare", NAPI_AUTO_LENGTH, &name);
  napi_create_threadsafe_function(env, arguments[1], nullptr, name, 0, 1, nullptr, nullptr, nullptr, CallBody,
                                  &function);
  running = true;
  pthread_create(&thread, nullptr, Tick, nullptr);
  napi_value first;
  napi_create_double(env, static_cast<double>(start) / 1e6, &first);
  return first;
}

napi_value Stop(napi_env, napi_callback_info) {
  running = false;
  pthread_join(thread, nullptr);
  napi_release_threadsafe_function(function, napi_tsfn_abort);
  return nullptr;
}

napi_value ReadClock(napi_env env, napi_callback_info) {
  napi_value now;
  napi_create_double(env, static_cast<double>(Now()) / 1e6, &now);
  return now;
}

}  // namespace

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      {"start", nullptr, Start, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"stop", nullptr, Stop, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"now", nullptr, ReadClock, nullptr, nullptr, nullptr, napi_default, nullptr},
  };
  napi_define_properties(env, exports, sizeof(functions) / sizeof(functions[0]), functions);
  return exports;
}
