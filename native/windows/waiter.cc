// The sampling thread's one blocking call on Windows: a timer and an event.
#include "platform.h"
#include "win.h"

namespace tripline {

bool Waiter::Open(Failure* why) {
  // The usual timers only come every 15.6 ms. Those of Windows before 10 1803 and of wine are never finer.
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
  os_ = {};
}

void Waiter::Wait(uint64_t deadline) {
  const HANDLE handles[] = {os_.event, os_.timer};
  DWORD count = 1;
  if (deadline != kNever) {
    const uint64_t now = MonotonicNow();
    if (deadline <= now) {
      WaitForSingleObject(os_.event, 0);
      return;
    }
    // Relative, in 100 ns, rounded up: a wait that ends early would only be repeated.
    LARGE_INTEGER due;
    due.QuadPart = -static_cast<LONGLONG>((deadline - now + 99) / 100);
    if (SetWaitableTimer(os_.timer, &due, 0, nullptr, nullptr, FALSE)) count = 2;
  }
  WaitForMultipleObjects(count, handles, FALSE, count == 1 && deadline != kNever ? 1 : INFINITE);
}

void Waiter::Wake() { SetEvent(os_.event); }

}  // namespace tripline
