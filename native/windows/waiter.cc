// The sampling thread's one blocking call on Windows: waits for an event, a timer, and the handles of triggers.
#include "port/platform.h"
#include "port/push_trigger.h"
#include "windows/win.h"

namespace tripline {
namespace {

constexpr uint32_t kMostWatched = 16;

struct State {
  HANDLE timer = nullptr;
  HANDLE event = nullptr;
  Mutex mutex;
  PushTrigger* triggers[kMostWatched] GUARDED_BY(mutex) = {};
  uint64_t muted_until[kMostWatched] GUARDED_BY(mutex) = {};
};

}  // namespace

Waiter::Waiter() { os_.Make<State>(); }

bool Waiter::Open(Failure* why) {
  State& state = os_.As<State>();
  // Ordinary timers have a resolution of 15.6 ms. Before Windows 10 1803 there are no finer ones.
  constexpr DWORD kHighResolution = 2;  // CREATE_WAITABLE_TIMER_HIGH_RESOLUTION
  state.timer = CreateWaitableTimerExW(nullptr, nullptr, kHighResolution, TIMER_ALL_ACCESS);
  if (state.timer == nullptr) state.timer = CreateWaitableTimerExW(nullptr, nullptr, 0, TIMER_ALL_ACCESS);
  state.event = CreateEventW(nullptr, FALSE, FALSE, nullptr);
  if (state.timer != nullptr && state.event != nullptr) return true;
  SetWinError("CreateWaitableTimerExW, CreateEventW", "", GetLastError(), "", why);
  Close();
  return false;
}

void Waiter::Close() {
  State& state = os_.As<State>();
  if (state.timer != nullptr) CloseHandle(state.timer);
  if (state.event != nullptr) CloseHandle(state.event);
  state.timer = state.event = nullptr;
}

bool Waiter::Watch(PushTrigger* trigger) {
  State& state = os_.As<State>();
  const MutexLock lock(&state.mutex);
  for (uint32_t i = 0; i < kMostWatched; i++) {
    if (state.triggers[i] != nullptr) continue;
    state.triggers[i] = trigger;
    state.muted_until[i] = 0;
    Wake();
    return true;
  }
  return false;
}

void Waiter::Unwatch(PushTrigger* trigger) {
  State& state = os_.As<State>();
  const MutexLock lock(&state.mutex);
  for (PushTrigger*& each : state.triggers) {
    if (each == trigger) each = nullptr;
  }
  Wake();
}

uint32_t Waiter::Wait(uint64_t deadline, bool, PushTrigger** fired, bool*) {
  State& state = os_.As<State>();
  for (;;) {
    // The order matters: of several handles that are ready, the call returns the first in the array.
    HANDLE handles[2 + kMostWatched] = {state.event};
    uint32_t places[2 + kMostWatched] = {};
    DWORD count = 1;
    const uint64_t now = MonotonicNow();
    uint64_t until = deadline;
    {
      const MutexLock lock(&state.mutex);
      for (uint32_t i = 0; i < kMostWatched; i++) {
        if (state.triggers[i] == nullptr) continue;
        if (state.muted_until[i] > now) {
          if (state.muted_until[i] < until) until = state.muted_until[i];
          continue;
        }
        places[count] = i;
        handles[count++] = reinterpret_cast<HANDLE>(state.triggers[i]->handle());
      }
    }
    const DWORD triggers_end = count;
    DWORD timeout = INFINITE;
    if (until != kNever) {
      // Relative, in units of 100 ns. Rounded up, because a wait that ends early would only be repeated.
      LARGE_INTEGER due;
      due.QuadPart = until > now ? -static_cast<LONGLONG>((until - now + 99) / 100) : 0;
      if (until <= now)
        timeout = 0;
      else if (SetWaitableTimer(state.timer, &due, 0, nullptr, nullptr, FALSE))
        handles[count++] = state.timer;
      else
        timeout = 1;
    }
    const DWORD which = WaitForMultipleObjects(count, handles, FALSE, timeout);
    if (which > WAIT_OBJECT_0 && which < WAIT_OBJECT_0 + triggers_end) {
      const uint32_t place = places[which - WAIT_OBJECT_0];
      const MutexLock lock(&state.mutex);
      if (state.triggers[place] == nullptr) return 0;
      // The handle stays signaled as long as memory is low, so ignore it for a while.
      state.muted_until[place] = MonotonicNow() + state.triggers[place]->readiness() * kMillisecond;
      fired[0] = state.triggers[place];
      return 1;
    }
    // A failed wait does not count: it must return to the caller.
    const bool unmuted = until != deadline && (which == WAIT_TIMEOUT || which == WAIT_OBJECT_0 + triggers_end);
    if (!unmuted) return 0;
  }
}

void Waiter::Wake() { SetEvent(os_.As<State>().event); }

}  // namespace tripline
