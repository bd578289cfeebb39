// The sampling thread's one blocking call on Linux: epoll over a timer and an event.
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "port/platform.h"
#include "port/probe.h"
#include "port/push_trigger.h"

namespace tripline {
namespace {

struct State {
  int epoll = -1;
  int timer = -1;  // timerfd: unlike the timeouts of poll and epoll it takes nanoseconds and ignores timer slack
  int event = -1;
  bool armed = false;  // the timer
};

bool Add(int epoll, int fd, uint32_t events, void* data) {
  struct epoll_event event = {};
  event.events = events;
  event.data.ptr = data;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

// A wait that is at least this long may end up to a millisecond late.
constexpr uint64_t kRelaxed = 20 * kMillisecond;

int RoundUp(uint64_t left) {
  const uint64_t milliseconds = (left + kMillisecond - 1) / kMillisecond;
  return milliseconds < INT32_MAX ? static_cast<int>(milliseconds) : INT32_MAX;
}

bool SetTimer(int timer, uint64_t deadline) {
  struct itimerspec due = {};
  if (deadline != kNever) {
    // A time of 0 would disarm the timer.
    const uint64_t at = deadline == 0 ? 1 : deadline;
    due.it_value.tv_sec = static_cast<time_t>(at / kSecond);
    due.it_value.tv_nsec = static_cast<long>(at % kSecond);
  }
  // Setting the time also takes back an expiration that was never read, so the timer needs no read.
  return timerfd_settime(timer, TFD_TIMER_ABSTIME, &due, nullptr) == 0;
}

// Makes the wait end at `deadline`: by the timer, or by the timeout of epoll_wait, which is returned.
int Arm(State* state, uint64_t deadline, bool exact) {
  constexpr uint64_t kMostLeft = 10 * kSecond;
  const uint64_t now = deadline == kNever ? 0 : MonotonicNow();
  const uint64_t left = deadline == kNever ? 0 : deadline > now ? deadline - now : 0;
  // A timeout in whole milliseconds costs two thirds of the timer, which needs an additional event. The kernel rounds
  // long timeouts by a thousandth.
  if (!exact && left >= kRelaxed && left <= kMostLeft) {
    if (state->armed) state->armed = !SetTimer(state->timer, kNever);
    if (!state->armed) return RoundUp(left);
  }
  if (deadline == kNever && !state->armed) return -1;
  state->armed = deadline != kNever;
  // A seccomp filter that was installed after Open() leaves only the timeout.
  return SetTimer(state->timer, deadline) || deadline == kNever ? -1 : RoundUp(left);
}

void CloseIfOpen(int* fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

}  // namespace

Waiter::Waiter() { os_.Make<State>(); }

bool Waiter::Open(Failure* why) {
  State& state = os_.As<State>();
  state.armed = false;
  // Each call is tried once: one that a seccomp filter refuses must fail here, with its name, and not leave the thread
  // waiting forever.
  struct epoll_event unused;
  const char* refused = nullptr;
  if ((state.epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
    refused = "epoll_create1";
  else if ((state.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) < 0)
    refused = "timerfd_create";
  else if ((state.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
    refused = "eventfd";
  else if (!Add(state.epoll, state.timer, EPOLLIN, nullptr) || !Add(state.epoll, state.event, EPOLLIN, this))
    refused = "epoll_ctl";
  else if (!SetTimer(state.timer, kNever))
    refused = "timerfd_settime";
  else if (epoll_wait(state.epoll, &unused, 1, 0) < 0 && errno != EINTR)
    refused = "epoll_wait";
  if (refused == nullptr) return true;
  const bool filtered = errno == EPERM || errno == EACCES || errno == ENOSYS;
  why->SetErrno("starting the sampling thread:", refused, errno, filtered ? "a seccomp filter?" : "");
  Close();
  return false;
}

void Waiter::Close() {
  State& state = os_.As<State>();
  CloseIfOpen(&state.epoll);
  CloseIfOpen(&state.timer);
  CloseIfOpen(&state.event);
}

bool Waiter::Watch(PushTrigger* trigger) {
  State& state = os_.As<State>();
  return Add(state.epoll, static_cast<int>(trigger->handle()), trigger->readiness(), trigger);
}

void Waiter::Unwatch(PushTrigger* trigger) {
  State& state = os_.As<State>();
  struct epoll_event unused = {};
  epoll_ctl(state.epoll, EPOLL_CTL_DEL, static_cast<int>(trigger->handle()), &unused);
}

uint32_t Waiter::Wait(uint64_t deadline, bool exact, PushTrigger** fired, bool* interrupted) {
  State& state = os_.As<State>();
  const int timeout = Arm(&state, deadline, exact);
  struct epoll_event ready[kMostFired];
  const int count = epoll_wait(state.epoll, ready, kMostFired, timeout);
  // All signals are blocked in this thread, so only a stop or freeze interrupts the wait, when the process continues.
  *interrupted = count < 0 && errno == EINTR;
  uint32_t fired_count = 0;
  for (int i = 0; i < count; i++) {
    if (ready[i].data.ptr == this) {
      uint64_t ignored;
      while (read(state.event, &ignored, sizeof(ignored)) < 0 && errno == EINTR) {
      }
    } else if (ready[i].data.ptr != nullptr) {
      fired[fired_count++] = static_cast<PushTrigger*>(ready[i].data.ptr);
    }
  }
  return fired_count;
}

void Waiter::Wake() {
  State& state = os_.As<State>();
  const uint64_t one = 1;
  while (write(state.event, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

}  // namespace tripline
