// The sampling thread's one blocking call on macOS: a kqueue with a timer and a user event.
#include <errno.h>
#include <sys/event.h>
#include <unistd.h>

#include "platform.h"
#include "probe.h"

namespace tripline {
namespace {

constexpr uintptr_t kTimer = 1;
constexpr uintptr_t kWake = 2;

}  // namespace

bool Waiter::Open(Failure* why) {
  os_.queue = kqueue();
  struct kevent wake;
  EV_SET(&wake, kWake, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, nullptr);
  if (os_.queue >= 0 && kevent(os_.queue, &wake, 1, nullptr, 0, nullptr) == 0) return true;
  why->SetErrno("kqueue", "", errno, "");
  Close();
  return false;
}

void Waiter::Close() {
  if (os_.queue >= 0) close(os_.queue);
  os_.queue = -1;
}

void Waiter::Wait(uint64_t deadline) {
  struct kevent timer;
  int changes = 0;
  if (deadline != kNever) {
    const uint64_t now = MonotonicNow();
    // A timer of 0 would come at once too, but only by convention. NOTE_CRITICAL takes it out of coalescing; kevent's
    // own timeout has no such thing.
    const uint64_t left = deadline > now ? deadline - now : 1;
    EV_SET(&timer, kTimer, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_NSECONDS | NOTE_CRITICAL,
           static_cast<intptr_t>(left), nullptr);
  } else {
    EV_SET(&timer, kTimer, EVFILT_TIMER, EV_DELETE, 0, 0, nullptr);
  }
  changes = 1;
  struct kevent ready[4];
  // With EV_DELETE of a timer that has run out, one of the events is the error of that.
  kevent(os_.queue, &timer, changes, ready, 4, nullptr);
}

void Waiter::Wake() {
  struct kevent wake;
  EV_SET(&wake, kWake, EVFILT_USER, 0, NOTE_TRIGGER, 0, nullptr);
  while (kevent(os_.queue, &wake, 1, nullptr, 0, nullptr) < 0 && errno == EINTR) {
  }
}

}  // namespace tripline
