// Scheduling requests on Windows.
#include <windows.h>

#include "port/platform.h"

namespace tripline {

Punctuality ObtainedPunctuality() {
  Punctuality obtained;
  obtained.real_time = GetThreadPriority(GetCurrentThread()) == THREAD_PRIORITY_TIME_CRITICAL;
  return obtained;
}

bool SetRealTime(bool on) {
  if (on) return SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_TIME_CRITICAL) != 0;
  PreferPunctuality();
  return true;
}

}  // namespace tripline
