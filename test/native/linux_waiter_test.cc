// The sampling thread's wait on a real kernel: deadlines, wake-ups, and a process that is stopped while waiting.
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

// Starts a child process that waits until a wait is interrupted and then exits with status 0.
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
  // Long waits that need not be exact use another mechanism, so test each kind after the other.
  for (const uint64_t left : {kMillisecond, 21 * kMillisecond, 22 * kMillisecond, kMillisecond, 23 * kMillisecond}) {
    for (const bool exact : {true, false}) {
      const uint64_t deadline = MonotonicNow() + left;
      CHECK_EQ(wait(deadline, exact), 0u);
      CHECK(MonotonicNow() >= deadline);
      CHECK(!interrupted);
    }
  }
  // A deadline that has passed ends the wait at once. So does a wake-up, which that wait consumes.
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
  // Stop the child repeatedly, until one stop falls into its wait.
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
