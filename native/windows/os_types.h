// What the opaque members of platform.h are made of on Windows, without <windows.h> and its macros.
#pragma once

namespace tripline {

struct OsMutex {
  void* lock = nullptr;  // an SRWLOCK
};

struct OsWaiter {
  void* timer = nullptr;
  void* event = nullptr;
};

}  // namespace tripline
