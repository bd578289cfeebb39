// The wait of the sampling thread on a real kernel: deadlines, waking, and a process that is stopped in it.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <initializer_list>

#include "check.h"
#include "port/platform.h"
#include "port/probe.h"

using namespace tripline;

namespace {

// Waits in a child process until a wait was interrupted, which its exit status 0 says.
[[noreturn]] void WaitUntilInterrupted() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  Waiter waiter;
  Failure why;
  PushTrigger* rung[Waiter::kMostFired];
  bool interrupted = false;
  if (waiter.Open(&why)) waiter.Wait(MonotonicNow() + 20 * kSecond, true, rung, &interrupted);
  _exit(interrupted ? 0 : 1);
}

}  // namespace

TEST(WaiterEndsAtItsDeadlineAndWhenWoken) {
  Waiter waiter;
  Failure why;
  CHECK(waiter.Open(&why));
  PushTrigger* rung[Waiter::kMostFired];
  bool interrupted = true;
  const auto wait = [&](uint64_t deadline, bool exact) { return waiter.Wait(deadline, exact, rung, &interrupted); };
  // Long ones that need not be exact are waited for otherwise; each kind follows each.
  for (const uint64_t left : {kMillisecond, 21 * kMillisecond, 22 * kMillisecond, kMillisecond, 23 * kMillisecond}) {
    for (const bool exact : {true, false}) {
      const uint64_t deadline = MonotonicNow() + left;
      CHECK_EQ(wait(deadline, exact), 0u);
      CHECK(MonotonicNow() >= deadline);
      CHECK(!interrupted);
    }
  }
  // One that has passed ends it at once, as does a wake-up, which is taken with that.
  for (const bool exact : {true, false}) {
    wait(1, exact);
    waiter.Wake();
    wait(kNever, exact);
    waiter.Wake();
    wait(MonotonicNow() + 5 * kSecond, exact);
  }
  CHECK(!interrupted);
  waiter.Close();
}

TEST(WaiterSaysThatTheProcessWasStopped) {
  const pid_t child = fork();
  if (child == 0) WaitUntilInterrupted();
  // Stopped again and again until it is in its wait.
  int status = 0;
  pid_t ended = 0;
  for (int i = 0; i < 10000 && ended == 0; i++) {
    kill(child, SIGSTOP);
    if (waitpid(child, &status, WUNTRACED) == child && !WIFSTOPPED(status)) break;
    kill(child, SIGCONT);
    usleep(1000);
    ended = waitpid(child, &status, WNOHANG);
  }
  kill(child, SIGKILL);
  if (ended == 0) waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
}
