// The sampling thread's one blocking call on Windows: an event, a timer, and what push_triggers wait for.
#include "port/platform.h"
#include "port/push_trigger.h"
#include "windows/win.h"

namespace tripline {
namespace {

class Locked {
 public:
  explicit Locked(OsMutex* mutex) : lock_(reinterpret_cast<SRWLOCK*>(mutex)) { AcquireSRWLockExclusive(lock_); }
  ~Locked() { ReleaseSRWLockExclusive(lock_); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  SRWLOCK* const lock_;
};

}  // namespace

bool Waiter::Open(Failure* why) {
  // The usual timers only come every 15.6 ms. Those of Windows before 10 1803 are never finer.
  constexpr DWORD kHighResolution = 2;  // CREATE_WAITABLE_TIMER_HIGH_RESOLUTION
  os_.timer = CreateWaitableTimerExW(nullptr, nullptr, kHighResolution, TIMER_ALL_ACCESS);
  if (os_.timer == nullptr) os_.timer = CreateWaitableTimerExW(nullptr, nullptr, 0, TIMER_ALL_ACCESS);
  os_.event = CreateEventW(nullptr, FALSE, FALSE, nullptr);
  if (os_.timer != nullptr && os_.event != nullptr) return true;
  SetWinError("CreateWaitableTimerExW, CreateEventW", "", GetLastError(), "", why);
  Close();
  return false;
}

void Waiter::Close() {
  if (os_.timer != nullptr) CloseHandle(os_.timer);
  if (os_.event != nullptr) CloseHandle(os_.event);
  os_.timer = os_.event = nullptr;
}

bool Waiter::Watch(PushTrigger* push_trigger) {
  Locked locked(&os_.lock);
  for (uint32_t i = 0; i < OsWaiter::kPushTriggers; i++) {
    if (os_.push_triggers[i] != nullptr) continue;
    os_.push_triggers[i] = push_trigger;
    os_.muted_until[i] = 0;
    Wake();
    return true;
  }
  return false;
}

void Waiter::Unwatch(PushTrigger* push_trigger) {
  Locked locked(&os_.lock);
  for (PushTrigger*& each : os_.push_triggers) {
    if (each == push_trigger) each = nullptr;
  }
  Wake();
}

uint32_t Waiter::Wait(uint64_t deadline, PushTrigger** rung) {
  for (;;) {
    // First what is to be told apart: of several that are ready, the first in the array is the answer.
    HANDLE handles[2 + OsWaiter::kPushTriggers] = {os_.event};
    uint32_t places[2 + OsWaiter::kPushTriggers] = {};
    DWORD count = 1;
    const uint64_t now = MonotonicNow();
    uint64_t until = deadline;
    {
      Locked locked(&os_.lock);
      for (uint32_t i = 0; i < OsWaiter::kPushTriggers; i++) {
        if (os_.push_triggers[i] == nullptr) continue;
        if (os_.muted_until[i] > now) {
          if (os_.muted_until[i] < until) until = os_.muted_until[i];
          continue;
        }
        places[count] = i;
        handles[count++] = reinterpret_cast<HANDLE>(os_.push_triggers[i]->handle());
      }
    }
    const DWORD push_triggers_end = count;
    DWORD timeout = INFINITE;
    if (until != kNever) {
      // Relative, in 100 ns, rounded up: a wait that ends early would only be repeated.
      LARGE_INTEGER due;
      due.QuadPart = until > now ? -static_cast<LONGLONG>((until - now + 99) / 100) : 0;
      if (until <= now)
        timeout = 0;
      else if (SetWaitableTimer(os_.timer, &due, 0, nullptr, nullptr, FALSE))
        handles[count++] = os_.timer;
      else
        timeout = 1;
    }
    const DWORD which = WaitForMultipleObjects(count, handles, FALSE, timeout);
    if (which > WAIT_OBJECT_0 && which < WAIT_OBJECT_0 + push_triggers_end) {
      const uint32_t place = places[which - WAIT_OBJECT_0];
      Locked locked(&os_.lock);
      if (os_.push_triggers[place] == nullptr) return 0;
      // It goes on ringing for as long as memory is low: once in a while is enough.
      os_.muted_until[place] = MonotonicNow() + os_.push_triggers[place]->readiness() * kMillisecond;
      rung[0] = os_.push_triggers[place];
      return 1;
    }
    // Not when the wait failed: the caller is not to be kept in here for it.
    const bool unmuted = until != deadline && (which == WAIT_TIMEOUT || which == WAIT_OBJECT_0 + push_triggers_end);
    if (!unmuted) return 0;
  }
}

void Waiter::Wake() { SetEvent(os_.event); }

}  // namespace tripline
