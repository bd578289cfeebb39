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

  static void Body(void* raw) {
    auto* self = static_cast<Seen*>(raw);
    pthread_sigmask(SIG_BLOCK, nullptr, &self->mask);
    pthread_getname_np(pthread_self(), self->name, sizeof(self->name));
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
