// Threads of the library: which signals reach them, and what their start leaves behind.
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <initializer_list>

#include "check.h"
#include "port/os_process.h"
#include "port/platform.h"

using namespace tripline;

namespace {

struct Seen {
  std::atomic<bool> done{false};
  sigset_t mask;
  char name[16] = {};
  int detached = -1;
  size_t stack = 0;

  static void Body(void* raw) {
    auto* self = static_cast<Seen*>(raw);
    pthread_sigmask(SIG_BLOCK, nullptr, &self->mask);
    pthread_getname_np(pthread_self(), self->name, sizeof(self->name));
    pthread_attr_t attributes;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getdetachstate(&attributes, &self->detached);
    pthread_attr_getstacksize(&attributes, &self->stack);
    pthread_attr_destroy(&attributes);
    self->done = true;
  }
};

}  // namespace

TEST(ThreadOfOursTakesNoSignalsFromTheHost) {
  sigset_t own;
  pthread_sigmask(SIG_BLOCK, nullptr, &own);
  Seen seen;
  CHECK(StartThread(Seen::Body, &seen, "tripline-test-of-a-long-name"));
  while (!seen.done) sched_yield();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, SIGPROF, SIGPIPE, SIGWINCH}) {
    CHECK_EQ(sigismember(&seen.mask, signal), 1);
  }
  // As much of the name as the system takes.
  CHECK_EQ(static_cast<const char*>(seen.name), "tripline-test-o");
  // The thread that starts it takes the signals that it took before.
  sigset_t after;
  pthread_sigmask(SIG_BLOCK, nullptr, &after);
  for (int signal = 1; signal < SIGRTMIN; signal++) {
    CHECK_EQ(sigismember(&after, signal), sigismember(&own, signal));
  }
}

TEST(ThreadOfOursHasASmallStackAndIsNotJoined) {
  for (const bool roomy : {false, true}) {
    Seen seen;
    CHECK(StartThread(Seen::Body, &seen, "tripline-test", roomy));
    while (!seen.done) sched_yield();
    CHECK_EQ(seen.detached, PTHREAD_CREATE_DETACHED);
    // A sanitizer makes a small stack larger, as it needs some itself. The default is 8 MiB on most systems.
    const size_t asked = roomy ? 1024 * 1024 : 128 * 1024;
    CHECK(seen.stack >= asked && (seen.stack == asked || seen.stack < 1024 * 1024));
  }
}
