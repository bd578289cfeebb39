// What the opaque members of platform.h are made of on Windows, without <windows.h> and its macros.
#pragma once

#include <cstdint>

namespace tripline {

class PushTrigger;

struct OsMutex {
  void* lock = nullptr;  // an SRWLOCK
};

struct OsWaiter {
  static constexpr uint32_t kPushTriggers = 16;

  void* timer = nullptr;
  void* event = nullptr;
  OsMutex lock;  // of what follows
  PushTrigger* push_triggers[kPushTriggers] = {};
  uint64_t muted_until[kPushTriggers] = {};
};

}  // namespace tripline
