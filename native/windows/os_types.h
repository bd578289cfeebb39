// What the opaque members of platform.h are made of on Windows, without <windows.h> and its macros.
#pragma once

#include <cstdint>

namespace tripline {

class Doorbell;

struct OsMutex {
  void* lock = nullptr;  // an SRWLOCK
};

struct OsWaiter {
  static constexpr uint32_t kDoorbells = 16;

  void* timer = nullptr;
  void* event = nullptr;
  OsMutex lock;  // of what follows
  Doorbell* doorbells[kDoorbells] = {};
  uint64_t muted_until[kDoorbells] = {};
};

}  // namespace tripline
