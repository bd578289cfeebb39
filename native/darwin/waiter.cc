// The sampling thread's one blocking call on macOS: a kqueue with a timer, a user event and triggers.
#include <errno.h>
#include <sys/event.h>
#include <unistd.h>

#include "port/platform.h"
#include "port/probe.h"
#include "port/push_trigger.h"

namespace tripline {
namespace {

struct State {
  int queue = -1;
};

constexpr uintptr_t kTimer = 1;
constexpr uintptr_t kWake = 2;

}  // namespace

Waiter::Waiter() { os_.Make<State>(); }

bool Waiter::Open(Failure* why) {
  State& state = os_.As<State>();
  state.queue = kqueue();
  struct kevent wake;
  EV_SET(&wake, kWake, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, nullptr);
  if (state.queue >= 0 && kevent(state.queue, &wake, 1, nullptr, 0, nullptr) == 0) return true;
  why->SetErrno("kqueue", "", errno, "");
  Close();
  return false;
}

void Waiter::Close() {
  State& state = os_.As<State>();
  if (state.queue >= 0) close(state.queue);
  state.queue = -1;
}

bool Waiter::Watch(PushTrigger* trigger) {
  State& state = os_.As<State>();
  struct kevent ready;
  EV_SET(&ready, static_cast<uintptr_t>(trigger->handle()), EVFILT_READ, EV_ADD, 0, 0, trigger);
  return kevent(state.queue, &ready, 1, nullptr, 0, nullptr) == 0;
}

void Waiter::Unwatch(PushTrigger* trigger) {
  State& state = os_.As<State>();
  struct kevent ready;
  EV_SET(&ready, static_cast<uintptr_t>(trigger->handle()), EVFILT_READ, EV_DELETE, 0, 0, nullptr);
  kevent(state.queue, &ready, 1, nullptr, 0, nullptr);
}

uint32_t Waiter::Wait(uint64_t deadline, bool, PushTrigger** fired, bool* interrupted) {
  State& state = os_.As<State>();
  struct kevent timer;
  if (deadline != kNever) {
    const uint64_t now = MonotonicNow();
    // At least 1 ns: that a timer of 0 fires at once is only a convention. NOTE_CRITICAL exempts the timer from
    // coalescing, which kevent's own timeout cannot do.
    const uint64_t left = deadline > now ? deadline - now : 1;
    EV_SET(&timer, kTimer, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_NSECONDS | NOTE_CRITICAL,
           static_cast<intptr_t>(left), nullptr);
  } else {
    // Fails if no timer is left, which does no harm.
    EV_SET(&timer, kTimer, EVFILT_TIMER, EV_DELETE, 0, 0, nullptr);
  }
  // Separate from the wait, where a failed change would be returned as an event.
  kevent(state.queue, &timer, 1, nullptr, 0, nullptr);
  struct kevent ready[kMostFired];
  const int count = kevent(state.queue, nullptr, 0, ready, static_cast<int>(kMostFired), nullptr);
  *interrupted = count < 0 && errno == EINTR;
  uint32_t fired_count = 0;
  for (int i = 0; i < count; i++) {
    if (ready[i].filter == EVFILT_READ) fired[fired_count++] = static_cast<PushTrigger*>(ready[i].udata);
  }
  return fired_count;
}

void Waiter::Wake() {
  State& state = os_.As<State>();
  struct kevent wake;
  EV_SET(&wake, kWake, EVFILT_USER, 0, NOTE_TRIGGER, 0, nullptr);
  while (kevent(state.queue, &wake, 1, nullptr, 0, nullptr) < 0 && errno == EINTR) {
  }
}

}  // namespace tripline
